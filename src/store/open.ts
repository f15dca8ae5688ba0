/** Which backend a STORE_URL names. Each is loaded only when it is used, so that nobody pays for the other's driver. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Log } from '../lib/log.ts';
import type { Maintenance } from './maintenance.ts';
import type { Store } from './port.ts';

export interface StoreOptions {
  /** Where relative paths start; default: the working directory. */
  readonly directory?: string | undefined;
  readonly log?: Log | undefined;
  /** Opens an embedded store although an older copy of its file was put back; the command that deals with it. */
  readonly mayBeOlder?: boolean | undefined;
  /** Told how many writes shared a commit, by a store that has such. */
  readonly onBatch?: ((size: number) => void) | undefined;
}

interface Backend {
  store(rest: string, options: StoreOptions): Store;
  maintenance(rest: string, options: StoreOptions): Maintenance;
}

/** Node loads ES modules through `require` too, at once and only when asked. */
const require = createRequire(import.meta.url);

const BACKENDS: Readonly<Record<string, Backend>> = {
  'sqlite:': {
    store: (path, options) => {
      // `require` tells no types; this is the module on that path.
      const { SqliteStore } =
        require('./sqlite/sqlite-store.ts') as typeof import('./sqlite/sqlite-store.ts');
      return new SqliteStore(sqliteFile(path, options), options);
    },
    maintenance: (path, options) => {
      // As above.
      const module =
        require('./sqlite/sqlite-maintenance.ts') as typeof import('./sqlite/sqlite-maintenance.ts');
      return new module.SqliteMaintenance(sqliteFile(path, options));
    },
  },
  'mongodb:': mongo('mongodb:'),
  'mongodb+srv:': mongo('mongodb+srv:'),
};

function mongo(scheme: string): Backend {
  return {
    store: (rest, options) => {
      // As above.
      const { MongoStore } = require('./mongo/mongo-store.ts') as typeof import('./mongo/mongo-store.ts');
      return new MongoStore(scheme + rest, options);
    },
    maintenance: (rest) => {
      // As above.
      const module = require('./mongo/mongo-maintenance.ts') as typeof import('./mongo/mongo-maintenance.ts');
      return new module.MongoMaintenance(scheme + rest);
    },
  };
}

/** @param url as in STORE_URL: `sqlite:` and a path, or that of a MongoDB with its database. Throws on any other scheme. Opens nothing before `prepare`. */
export function openStore(url: string, options: StoreOptions = {}): Store {
  const { backend, rest } = backendOf(url);
  return backend.store(rest, options);
}

/** The other side of the same store, for the commands that look after it. Opens nothing before it is used. */
export function openMaintenance(url: string, options: StoreOptions = {}): Maintenance {
  const { backend, rest } = backendOf(url);
  return backend.maintenance(rest, options);
}

function backendOf(url: string): { backend: Backend; rest: string } {
  const scheme = /^[a-z+]+:/.exec(url)?.[0] ?? '';
  const backend = BACKENDS[scheme];
  if (!backend) {
    const kind = scheme
      ? `there is no store of the kind ${scheme}`
      : 'the URL of a store begins with its kind';
    throw new Error(`${kind}: write sqlite:<path> or mongodb://<host>/<database>`);
  }
  return { backend, rest: url.slice(scheme.length) };
}

/** Absolute path of an embedded store; undefined when the URL names another kind. */
export function embeddedFile(url: string, options: StoreOptions = {}): string | undefined {
  return url.startsWith('sqlite:') ? sqliteFile(url.slice('sqlite:'.length), options) : undefined;
}

function sqliteFile(path: string, { directory = '.' }: StoreOptions): string {
  if (path === '' || path === ':memory:') {
    throw new Error(
      'sqlite: must name a file, such as sqlite:data/postern.db; a store in memory would be lost',
    );
  }
  return resolve(directory, path);
}
