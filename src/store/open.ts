/** Which backend a STORE_URL names. Each is loaded only when it is used, so that nobody pays for the other's driver. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Log } from '../lib/log.ts';
import type { Store } from './port.ts';

export interface StoreOptions {
  /** Where relative paths start; default: the working directory. */
  readonly directory?: string | undefined;
  readonly log?: Log | undefined;
}

type Backend = (rest: string, options: StoreOptions) => Store;

/** Node loads ES modules through `require` too, at once and only when asked. */
const require = createRequire(import.meta.url);

const BACKENDS: Readonly<Record<string, Backend>> = {
  'sqlite:': (path, { directory = '.', log }) => {
    if (path === '' || path === ':memory:') {
      throw new Error(
        'sqlite: must name a file, such as sqlite:data/postern.db; a store in memory would be lost',
      );
    }
    // `require` tells no types; this is the module on that path.
    const { SqliteStore } = require('./sqlite/sqlite-store.ts') as typeof import('./sqlite/sqlite-store.ts');
    return new SqliteStore(resolve(directory, path), { log });
  },
};

/** @param url as in STORE_URL: `sqlite:` and a path. Throws on any other scheme. Opens nothing before `prepare`. */
export function openStore(url: string, options: StoreOptions = {}): Store {
  const scheme = /^[a-z+]+:/.exec(url)?.[0] ?? '';
  const backend = BACKENDS[scheme];
  if (!backend) throw new Error(`no store of this kind: ${scheme || 'STORE_URL has no scheme'}`);
  return backend(url.slice(scheme.length), options);
}
