/**
 * The cage, first wall: which Handlebars a template may hold at all. An allow-list over the syntax tree, so that what a later
 * Handlebars can do is refused until somebody has thought about it (ML-74): fields by name, `if` and `unless` on one
 * field, comments. No other helper, no partial, no path, no literal, nothing unescaped.
 */
import { createRequire } from 'node:module';
import type Handlebars from 'handlebars';
import type { MailField, MailFields } from '../kinds.ts';
import type { Complain, Place } from './finding.ts';

/** Loaded for the first template: it is a tenth of the time until we listen. */
const require = createRequire(import.meta.url);

const MAX_DEPTH = 4;
const MAX_CONDITIONS = 5;

export interface ParsedTemplate {
  readonly program: hbs.AST.Program;
  /** Fields that may be empty and decide what is shown. */
  readonly conditions: readonly string[];
}

/** Undefined when there is something to complain of. */
export function parseTemplate(
  source: string,
  fields: MailFields,
  complain: Complain,
): ParsedTemplate | undefined {
  const quads = source.indexOf('{{{{');
  if (quads >= 0) {
    complain(placeAt(source, quads), 'a raw block {{{{…}}}}', 'write plain text, or {{field}}');
    return undefined;
  }
  const program = parsed(source, complain);
  if (!program) return undefined;
  const walk = new Walk(fields, complain);
  walk.program(program, 0);
  if (walk.conditions.size > MAX_CONDITIONS) {
    complain(
      START,
      `${walk.conditions.size} fields decide what is shown`,
      `use at most ${MAX_CONDITIONS} in {{#if}} and {{#unless}}`,
    );
  }
  return walk.isClean ? { program, conditions: [...walk.conditions] } : undefined;
}

export const START: Place = { line: 1, column: 1 };

export function placeAt(source: string, offset: number): Place {
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function parsed(source: string, complain: Complain): hbs.AST.Program | undefined {
  try {
    // `require` tells no types; this is that package. A string alone is parsed: an object would pass for a
    // finished tree (CVE-2026-33937).
    return (require('handlebars') as typeof Handlebars).parse(String(source));
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const other = /^(\w+) doesn't match (\w+) - (\d+):(\d+)$/.exec(message);
    const line = Number(other?.[3] ?? /line (\d+)/.exec(message)?.[1] ?? 1);
    const column = Number(other?.[4] ?? 0) + 1;
    const reason = other ? `{{#${other[1]}}} is closed by {{/${other[2]}}}` : 'this is not Handlebars';
    complain({ line, column }, reason, 'check that every {{#if}} has its {{/if}} and every {{ its }}');
    return undefined;
  }
}

const MENDS: Readonly<Record<string, readonly [reason: string, mend: string]>> = {
  PartialStatement: ['a partial {{> …}}', 'write its content here'],
  PartialBlockStatement: ['a partial block {{#> …}}', 'write its content here'],
  Decorator: ['a decorator {{* …}}', 'take it out'],
  DecoratorBlock: ['an inline partial or decorator {{#* …}}', 'take it out'],
};

class Walk {
  readonly conditions = new Set<string>();
  isClean = true;
  readonly #fields: MailFields;
  readonly #complain: Complain;

  constructor(fields: MailFields, complain: Complain) {
    this.#fields = fields;
    this.#complain = complain;
  }

  program(program: hbs.AST.Program | undefined, depth: number): void {
    if (!program) return;
    if (program.blockParams && program.blockParams.length > 0) {
      this.#refuse(program, 'a block parameter (as |…|)', 'name the field itself');
    }
    for (const statement of program.body) this.#statement(statement, depth);
  }

  #statement(statement: hbs.AST.Statement, depth: number): void {
    // The type of a node is its discriminant, which the published types do not say.
    if (statement.type === 'MustacheStatement') this.#mustache(statement as hbs.AST.MustacheStatement);
    else if (statement.type === 'BlockStatement') this.#block(statement as hbs.AST.BlockStatement, depth);
    else if (statement.type !== 'ContentStatement' && statement.type !== 'CommentStatement') {
      const [reason, mend] = MENDS[statement.type] ?? [statement.type, 'take it out'];
      this.#refuse(statement, reason, mend);
    }
  }

  #mustache(node: hbs.AST.MustacheStatement): void {
    if (!node.escaped) {
      this.#refuse(node, 'an unescaped value, {{{…}}} or {{& …}}', 'write {{field}} with two braces');
      return;
    }
    if (node.params.length > 0 || node.hash?.pairs.length) {
      this.#refuse(
        node,
        `a helper (${String(nameOf(node.path))})`,
        'only fields, {{#if}} and {{#unless}} are there',
      );
      return;
    }
    this.#field(node.path);
  }

  #block(node: hbs.AST.BlockStatement, depth: number): void {
    const name = nameOf(node.path);
    const [condition, ...more] = node.params;
    if (name !== 'if' && name !== 'unless') {
      this.#refuse(node, `a block {{#${name ?? '…'}}}`, 'only {{#if field}} and {{#unless field}} are there');
    } else if (!condition || more.length > 0 || node.hash?.pairs.length) {
      this.#refuse(node, `{{#${name}}} takes exactly one field`, `write {{#${name} field}}`);
    } else if (depth >= MAX_DEPTH) {
      this.#refuse(node, `blocks ${depth + 1} deep`, `at most ${MAX_DEPTH} may lie in each other`);
    } else {
      const field = this.#field(condition);
      if (field !== undefined && mayBeEmpty(this.#fields[field])) this.conditions.add(field);
      this.program(node.program, depth + 1);
      // `{{else if …}}` is a block in the other branch, on the same level to whoever reads it.
      const inverse: (hbs.AST.Program & { readonly chained?: boolean }) | undefined = node.inverse;
      this.program(inverse, inverse?.chained ? depth : depth + 1);
    }
  }

  /** The name, when it is that of a field and written as nothing but that. */
  #field(path: hbs.AST.Expression): string | undefined {
    const name = nameOf(path);
    if (name !== undefined && Object.hasOwn(this.#fields, name)) return name;
    const known = Object.keys(this.#fields).join(', ');
    if (path.type !== 'PathExpression')
      this.#refuse(path, 'a value that is no field', `name one of ${known}`);
    else if (name === undefined) {
      const { original } = path as hbs.AST.PathExpression;
      this.#refuse(path, `the path ${String(original)}`, `name a field alone, one of ${known}`);
    } else this.#refuse(path, `there is no field ${name}`, `name one of ${known}`);
    return undefined;
  }

  #refuse(node: hbs.AST.Node, reason: string, mend: string): void {
    this.isClean = false;
    const { line, column } = node.loc.start;
    this.#complain({ line, column: column + 1 }, reason, mend);
  }
}

/** All others are always there: a condition on them holds. */
const mayBeEmpty = (field: MailField | undefined): boolean =>
  field?.isOptional === true || field?.type === 'text';

/** A path of one plain word; `this`, `@root`, `../x`, `a.b` and `[a]` are none. */
function nameOf(path: hbs.AST.Expression | hbs.AST.Literal): string | undefined {
  if (path.type !== 'PathExpression') return undefined;
  const { data, depth, parts, original } = path as hbs.AST.PathExpression;
  const [name] = parts;
  return !data && depth === 0 && parts.length === 1 && name === original ? name : undefined;
}
