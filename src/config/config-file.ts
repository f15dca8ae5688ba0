/**
 * Reads the configuration file: YAML, two placeholders, shape. Every fault is reported with its path and line.
 *
 * - `{BASE_URL}` at the beginning of a value stands for the origin of Postern, so that one file serves every machine.
 * - `${NAME}` as the whole value of a credential (`client_secret`, `password`, `api_key` and their like) is taken from the
 *   environment, so that the file can be kept in git. Nowhere else: a file that reads the environment at will cannot be
 *   checked by reading it.
 * - `sealed:…` there is opened with the master secret; see `sealed-value.ts`.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { type Fault, filePath } from './fault.ts';
import { type ConfigFile, configFile } from './schema.ts';
import { isSealed, openValue, sealedVersion } from './sealed-value.ts';
import { shapeFaults } from './shape-faults.ts';
import { CREDENTIAL_KEYS } from './transport-schema.ts';

type Path = readonly PropertyKey[];

export interface FileContext {
  readonly baseUrl: string;
  /** Value of an environment variable that the file names. */
  readonly lookUp: (name: string) => string | undefined;
  /** Variables that no file may read. */
  readonly isOwn: (name: string) => boolean;
  /** Master secrets, newest first, under which values may be sealed. */
  readonly secrets: readonly Buffer[];
}

/** A value of the file that was written sealed. */
export interface SealedPlace {
  readonly path: string;
  /** Of the master secret that it is sealed under. */
  readonly version: string;
}

export interface ReadFile {
  /** What the file says, placeholders replaced; also there when the shape is wrong. */
  readonly raw: unknown;
  readonly parsed: ConfigFile | undefined;
  readonly faults: readonly Fault[];
  readonly sealed: readonly SealedPlace[];
  /** ` (line 12)` for a place in the file, as far as it can be told. */
  readonly lineOf: (faultPath: string) => string;
}

export function readConfigFile(yaml: string, context: FileContext): ReadFile {
  const lines = new LineCounter();
  // Without prettyErrors: a quoted line of the file could hold a secret.
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    const faults = broken.map((error) => ({
      path: 'CONFIG',
      message: `${error.message} (line ${lines.linePos(error.pos[0]).line})`,
    }));
    return { raw: undefined, parsed: undefined, faults, sealed: [], lineOf: () => '' };
  }
  const placeholders: Fault[] = [];
  const places = new Map<string, Path>();
  const sealed: SealedPlace[] = [];
  const lineOf = (path: string): string => lineText(document, lines, nearestPlace(path, places));
  let raw: unknown;
  try {
    raw = replacePlaceholders(document.toJS(), [], { context, faults: placeholders, places, sealed });
  } catch (error) {
    // Aliases that would fill the memory.
    const message = error instanceof Error ? error.message : String(error);
    return { raw, parsed: undefined, faults: [{ path: 'CONFIG', message }], sealed, lineOf };
  }
  const result = configFile.safeParse(raw);
  const shape = result.success ? [] : shapeFaults(result.error.issues, raw);
  for (const { at } of shape) places.set(filePath(at), at);
  const missing = new Set(placeholders.map(({ path }) => path));
  // What stands at a placeholder that could not be replaced has no form worth judging.
  const others = shape
    .map(({ at, message }) => ({ path: filePath(at), message }))
    .filter(({ path }) => !missing.has(path));
  return {
    raw,
    parsed: placeholders.length === 0 ? result.data : undefined,
    faults: [...placeholders, ...others].map(({ path, message }) => ({
      path,
      message: message + lineOf(path),
    })),
    sealed,
    lineOf,
  };
}

/** A missing key has no line: its parent's stands for it. */
function nearestPlace(path: string, places: ReadonlyMap<string, Path>): Path {
  for (let rest = path; rest !== ''; rest = rest.replace(/(\.[^.[]+|\[[^[]*\]|[^.[]+)$/, '')) {
    const place = places.get(rest);
    if (place !== undefined) return place;
  }
  return [];
}

interface Replacing {
  readonly context: FileContext;
  readonly faults: Fault[];
  /** Every path of the file under its written form, for line numbers. */
  readonly places: Map<string, Path>;
  readonly sealed: SealedPlace[];
}

function replacePlaceholders(value: unknown, path: Path, into: Replacing): unknown {
  into.places.set(filePath(path), path);
  if (typeof value === 'string') return replaceInText(value, path, into);
  if (Array.isArray(value))
    return value.map((item, index) => replacePlaceholders(item, [...path, index], into));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  // A name with a meaning of its own to JavaScript would vanish instead of being reported as unknown.
  for (const [key] of entries.filter(([name]) => name === '__proto__')) {
    into.faults.push({ path: filePath([...path, key]), message: 'is not a possible name' });
  }
  return Object.fromEntries(
    entries.map(([key, item]) => [key, replacePlaceholders(item, [...path, key], into)]),
  );
}

function replaceInText(written: string, path: Path, into: Replacing): string {
  const { context, faults } = into;
  if (written.startsWith('{BASE_URL}')) return context.baseUrl + written.slice('{BASE_URL}'.length);
  const name = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(written)?.[1];
  const isCredential = CREDENTIAL_KEYS.has(String(path.at(-1)));
  if (name === undefined) return isCredential && isSealed(written) ? opened(written, path, into) : written;
  if (!isCredential) {
    faults.push({
      path: filePath(path),
      message: `only ${[...CREDENTIAL_KEYS].join(', ')} may name an environment variable`,
    });
    return written;
  }
  const isOwn = context.isOwn(name);
  const value = isOwn ? undefined : context.lookUp(name);
  if (value !== undefined) return value;
  const reason = isOwn ? 'belongs to Postern itself: take one of your own' : 'is not set';
  faults.push({ path: filePath(path), message: `the environment variable ${name} ${reason}` });
  return written;
}

function opened(written: string, path: Path, { context, faults, sealed }: Replacing): string {
  const result = openValue(context.secrets, written);
  if ('value' in result) {
    sealed.push({ path: filePath(path), version: sealedVersion(written) });
    return result.value;
  }
  faults.push({ path: filePath(path), message: result.fault });
  return written;
}

function lineText(document: Document.Parsed, lines: LineCounter, path: Path): string {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
      if (pair === undefined) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0];
      node = pair.value;
    } else if (isSeq(node) && typeof segment === 'number') {
      node = node.items[segment];
      if (isScalar(node) || isMap(node) || isSeq(node)) offset = node.range?.[0];
    }
  }
  return offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
}
