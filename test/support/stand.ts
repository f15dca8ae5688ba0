/**
 * What the flows of this mocha run stand on: which store, and how many servers share it. `npm test` runs them twice,
 * on the embedded store with one server and on MongoDB with two; one file alone is run on any of them by
 * `TEST_STORE=sqlite|mongodb TEST_SERVERS=1|2`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BSON, MongoClient } from 'mongodb';
import { describeMongo, dropDatabase, mongoServer } from './mongo-server.ts';

export interface Stand {
  readonly store: 'sqlite' | 'mongodb';
  /** Servers on one store, between which the requests of a harness alternate. */
  readonly servers: 1 | 2;
}

export const STAND: Stand = {
  store: oneOf('TEST_STORE', ['sqlite', 'mongodb']),
  servers: oneOf('TEST_SERVERS', ['1', '2']) === '2' ? 2 : 1,
};

function oneOf<Value extends string>(name: string, values: readonly [Value, ...Value[]]): Value {
  const given = process.env[name] || values[0];
  const found = values.find((value) => value === given);
  if (found === undefined) throw new Error(`${name} must be one of ${values.join(', ')}, not ${given}`);
  return found;
}

export async function describeStand({ store, servers }: Stand): Promise<string> {
  const on = store === 'sqlite' ? 'SQLite' : `MongoDB: ${describeMongo((await mongoServer()).kind)}`;
  return `${on}; ${servers === 1 ? 'one server' : 'two servers that share it'}`;
}

/** A directory, and the store that belongs to it: a file in it, or a database that carries its name. */
export interface TestPlace {
  readonly directory: string;
  readonly storeUrl: string;
  /** What a thief of the database would hold, byte by byte. */
  dump(): Promise<string>;
  remove(): Promise<void>;
}

export async function testPlace(
  directory = mkdtempSync(join(tmpdir(), 'postern-test-')),
  store = STAND.store,
): Promise<TestPlace> {
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  if (store === 'sqlite') {
    return {
      directory,
      storeUrl: `sqlite:${join(directory, 'postern.db')}`,
      dump: async () => bytesOf(directory),
      remove: async () => remove(),
    };
  }
  const storeUrl = (await mongoServer()).url(basename(directory).replaceAll(/\W/g, '_'));
  return {
    directory,
    storeUrl,
    dump: () => documentsOf(storeUrl),
    remove: async () => {
      remove();
      await dropDatabase(storeUrl);
    },
  };
}

function bytesOf(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(directory, name),
  );
  return files
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file).toString('latin1'))
    .join('\n');
}

/** Every document of a database as it is stored. */
async function documentsOf(url: string): Promise<string> {
  const client = new MongoClient(url);
  try {
    const texts: string[] = [];
    for (const collection of await client.db().collections()) {
      for await (const document of collection.find()) {
        texts.push(Buffer.from(BSON.serialize(document)).toString('latin1'));
      }
    }
    return texts.join('\n');
  } finally {
    await client.close();
  }
}
