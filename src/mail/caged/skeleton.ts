/**
 * What a template becomes for one choice of its conditions, with a marker where each value will stand, and where in the
 * source every character came from. Only for trees that `syntax.ts` let through.
 */
import type { Place } from './finding.ts';

/**
 * Begins with a letter, as the worst of values might: a marker behind `<` makes a tag. The rest is private use, which no
 * template may hold, so that no template can forge one.
 */
const OPEN = 'v\ue000';
const CLOSE = '\ue001';
const FIRST = 0xe100;
export const MARKER = /v\ue000([\ue100-\ue1ff])\ue001/g;
export const PRIVATE_USE = /[\ue000-\uf8ff]/;

export const markerOf = (index: number): string => `${OPEN}${String.fromCharCode(FIRST + index)}${CLOSE}`;
export const indexOfMarker = (character: string): number => character.charCodeAt(0) - FIRST;

export interface Skeleton {
  readonly text: string;
  placeOf(offset: number): Place;
}

interface Piece {
  readonly offset: number;
  readonly start: Place;
  /** As in the source, from `start` on; undefined for a value, which is one place. */
  readonly source: string | undefined;
}

/** @param names of all fields; the index of a name is the number of its marker */
export function skeletonOf(
  program: hbs.AST.Program,
  names: readonly string[],
  isShown: (field: string) => boolean,
): Skeleton {
  const pieces: Piece[] = [];
  let text = '';

  const add = (written: string, start: Place, source?: string): void => {
    pieces.push({ offset: text.length, start, source });
    text += written;
  };
  const walk = (part: hbs.AST.Program | undefined): void => {
    for (const node of part?.body ?? []) {
      if (node.type === 'ContentStatement') addContent(node as StrippedContent, add);
      else if (node.type === 'MustacheStatement') {
        const name = fieldOf((node as hbs.AST.MustacheStatement).path);
        // As Handlebars renders an empty value.
        const isEmpty = !isShown(name);
        add(isEmpty ? '' : markerOf(names.indexOf(name)), placeOfNode(node));
      } else if (node.type === 'BlockStatement') {
        const block = node as hbs.AST.BlockStatement;
        const [condition] = block.params;
        const holds = condition !== undefined && isShown(fieldOf(condition));
        walk(holds === (fieldOf(block.path) === 'if') ? block.program : block.inverse);
      }
    }
  };
  walk(program);
  return { text, placeOf: (offset) => placeIn(pieces, offset) };
}

/** Handlebars strips blanks around blocks that stand alone, and keeps what was written in `original`. */
type StrippedContent = hbs.AST.ContentStatement;

function addContent(
  node: StrippedContent,
  add: (written: string, start: Place, source?: string) => void,
): void {
  const original = String(node.original);
  const skipped = Math.max(0, original.indexOf(node.value));
  const start = advanced(placeOfNode(node), original.slice(0, skipped));
  add(node.value, start, node.value);
}

/** Only paths of one word get here. */
const fieldOf = (path: hbs.AST.Expression | hbs.AST.Literal): string =>
  (path as hbs.AST.PathExpression).parts.join('.');

const placeOfNode = ({ loc: { start } }: hbs.AST.Node): Place => ({
  line: start.line,
  column: start.column + 1,
});

function advanced({ line, column }: Place, text: string): Place {
  const lines = text.split('\n');
  const last = lines.at(-1)?.length ?? 0;
  return lines.length === 1
    ? { line, column: column + last }
    : { line: line + lines.length - 1, column: last + 1 };
}

function placeIn(pieces: readonly Piece[], offset: number): Place {
  const piece = pieces.findLast((one) => one.offset <= offset);
  if (!piece) return { line: 1, column: 1 };
  return piece.source === undefined
    ? piece.start
    : advanced(piece.start, piece.source.slice(0, offset - piece.offset));
}
