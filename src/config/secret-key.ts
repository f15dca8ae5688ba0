/** The master secrets: from SECRET_KEY, from a file, or made once for development. */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { randomBuffer, randomToken } from '../core/random.ts';
import type { Fault } from './fault.ts';
import { isGuessableKey } from './secret-strength.ts';

const KEY_BYTES = 32;
export const GENERATED_KEY = join('data', 'secret.key');
/** First line of a file that Postern made: production refuses it by this, wherever it was copied to. */
const MARK = '# Made by Postern for development. Production needs its own: npm run postern -- secret';

export interface SecretSources {
  readonly SECRET_KEY: string | undefined;
  readonly SECRET_KEY_FILE: string | undefined;
  readonly production: boolean;
  /** Directory that relative paths start from. */
  readonly cwd: string;
  /** Whether a missing development key may be written to the disk; else one is made up for this process. */
  readonly mayMakeKey: boolean;
}

export interface Secrets {
  readonly secrets: readonly Buffer[];
  readonly faults: readonly Fault[];
  readonly notices: readonly string[];
}

const HOW = 'npm run postern -- secret prints a fresh one';

export function readSecrets(sources: SecretSources): Secrets {
  const { SECRET_KEY: inline, SECRET_KEY_FILE: file, production } = sources;
  if (inline !== undefined && file !== undefined) {
    return failed('SECRET_KEY_FILE', 'give either SECRET_KEY or SECRET_KEY_FILE, not both');
  }
  if (inline !== undefined) return checked('SECRET_KEY', inline, sources);
  if (file !== undefined) {
    const text = readIfThere(resolve(sources.cwd, file));
    return text instanceof Error
      ? failed('SECRET_KEY_FILE', `cannot be read: ${codeOf(text)}`)
      : checked('SECRET_KEY_FILE', text, sources);
  }
  if (production) return failed('SECRET_KEY', `is required in production, or SECRET_KEY_FILE: ${HOW}`);
  return developmentSecrets(sources);
}

const failed = (path: string, message: string): Secrets => ({
  secrets: [],
  faults: [{ path, message }],
  notices: [],
});

function checked(path: string, text: string, { production, cwd }: SecretSources): Secrets {
  const written = text.split(/[,\n]/).map((part) => part.trim());
  const keys = written.filter((part) => part !== '' && !part.startsWith('#')).map(decoded);
  const faults: Fault[] = [];
  const weak: string[] = [];
  const generated = production ? generatedKeys(cwd) : [];
  if (keys.length === 0) faults.push({ path, message: `holds no secret: ${HOW}` });
  for (const [index, key] of keys.entries()) {
    const place = keys.length === 1 ? path : `${path}[${index}]`;
    if (key?.length !== KEY_BYTES) {
      faults.push({ path: place, message: `must be ${KEY_BYTES} bytes in base64: ${HOW}` });
    } else if (keys.findIndex((other) => other?.equals(key)) < index) {
      faults.push({ path: place, message: 'is given twice' });
    } else if (isGuessableKey(key)) {
      weak.push(place);
    } else if (generated.some((other) => other.equals(key))) {
      faults.push({ path: place, message: `is the one made for development in ${GENERATED_KEY}: ${HOW}` });
    }
  }
  if (production && text.includes(MARK)) faults.push({ path, message: `was made for development: ${HOW}` });
  const guessable = 'is not random (an example, a word or a pattern)';
  if (production) faults.push(...weak.map((place) => ({ path: place, message: `${guessable}: ${HOW}` })));
  const secrets = keys.flatMap((key) => key ?? []);
  return { secrets, faults, notices: production ? [] : weak.map((place) => `${place} ${guessable}`) };
}

/** Standard or URL-safe alphabet, padded or not; undefined for anything else, which `Buffer` would half read. */
function decoded(written: string): Buffer | undefined {
  const plain = written.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const bytes = Buffer.from(plain, 'base64url');
  return bytes.toString('base64url') === plain ? bytes : undefined;
}

function generatedKeys(cwd: string): Buffer[] {
  const text = readIfThere(join(cwd, GENERATED_KEY));
  if (text instanceof Error) return [];
  return text.split('\n').flatMap((line) => decoded(line.trim()) ?? []);
}

function developmentSecrets(sources: SecretSources): Secrets {
  const path = join(sources.cwd, GENERATED_KEY);
  const found = readIfThere(path);
  if (!(found instanceof Error)) return checked(GENERATED_KEY, found, sources);
  if (codeOf(found) !== 'ENOENT')
    return failed('SECRET_KEY', `${GENERATED_KEY} cannot be read: ${codeOf(found)}`);
  if (!sources.mayMakeKey) return { secrets: [randomBuffer(KEY_BYTES)], faults: [], notices: [] };
  try {
    makeOnce(path);
    const made = checked(GENERATED_KEY, readFileSync(path, 'utf8'), sources);
    return {
      ...made,
      notices: [...made.notices, `SECRET_KEY is not set: using ${GENERATED_KEY}, made for development`],
    };
  } catch (error) {
    return failed(
      'SECRET_KEY',
      `${GENERATED_KEY} could not be made (${codeOf(error)}): set SECRET_KEY; ${HOW}`,
    );
  }
}

/**
 * Two processes that start at once must not end up with two secrets, nor may one read what the other has half written:
 * each writes a file of its own, and `link` lets exactly one of them become the key.
 */
function makeOnce(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const own = `${path}.${randomToken()}`;
  const descriptor = openSync(own, 'wx', 0o600);
  try {
    writeSync(descriptor, `${MARK}\n${randomBuffer(KEY_BYTES).toString('base64')}\n`);
    fsyncSync(descriptor);
    linkSync(own, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    closeSync(descriptor);
    rmSync(own, { force: true });
  }
}

function readIfThere(path: string): string | Error {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** `ENOENT` and the like: enough for a person, and no path or content in it. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
