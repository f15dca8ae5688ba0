/**
 * How Postern speaks to MongoDB, whatever the connection string says: what is acknowledged is on the disks of a
 * majority, what is read was, and nobody waits for ever. The string may name hosts, credentials, TLS, pool size and the
 * like; what would break a promise of the port is cut out of it.
 */
import { MongoClient, type MongoClientOptions } from 'mongodb';
import { StoreRefused } from './mongo-fault.ts';

/** Cut out of the string, in any case of letters: single use, durability and the bounds hang on them. */
const FORCED = new Set(
  [
    ...['w', 'wtimeout', 'wtimeoutMS', 'j', 'journal', 'fsync', 'safe'],
    ...['readConcernLevel', 'readPreference', 'readPreferenceTags', 'maxStalenessSeconds', 'slaveOk'],
    ...['retryWrites', 'retryReads', 'timeoutMS', 'serverSelectionTimeoutMS', 'serverSelectionTryOnce'],
    ...[
      'socketTimeoutMS',
      'connectTimeoutMS',
      'waitQueueTimeoutMS',
      'waitQueueMultiple',
      'heartbeatFrequencyMS',
    ],
    ...[
      'enableUtf8Validation',
      'promoteValues',
      'promoteLongs',
      'promoteBuffers',
      'bsonRegExp',
      'useBigInt64',
      'raw',
    ],
    ...['ignoreUndefined', 'serializeFunctions', 'forceServerObjectId', 'monitorCommands'],
  ].map((name) => name.toLowerCase()),
);

/** Time to find a primary: an election takes some seconds; who waits longer is told to come again. */
const SELECTION_MS = 5000;
/** No answer for so long means that there is no server any more; the driver then asks once more by itself. */
const ANSWER_MS = 5000;

const OPTIONS: MongoClientOptions = {
  writeConcern: { w: 'majority', journal: true },
  // What a majority has cannot be rolled back by a failover. Read from a secondary it could be old.
  readConcern: { level: 'majority' },
  readPreference: 'primary',
  // The server remembers what a statement gave, so that a lost answer does not make a loser of the winner.
  retryWrites: true,
  retryReads: true,
  serverSelectionTimeoutMS: SELECTION_MS,
  connectTimeoutMS: 3000,
  socketTimeoutMS: ANSWER_MS,
  // Calls that wait for a connection are under way; how long a request waits for them is the guard's to say.
  waitQueueTimeoutMS: 10_000,
  // A server that comes back is seen within two seconds.
  heartbeatFrequencyMS: 2000,
};

/** May be set in the string. More connections than a primary has cores only queue there instead of here. */
const POOL: MongoClientOptions = {
  maxPoolSize: 50,
  maxConnecting: 4,
  maxIdleTimeMS: 600_000,
  appName: 'postern',
};

/** How long building an index may take on a store that is already large. */
const BUILD_MS = 600_000;

/** @param url as in STORE_URL. Connects with the first call. Throws StoreRefused on a string that cannot be used. */
export function openClient(url: string, purpose: 'requests' | 'maintenance' = 'requests'): MongoClient {
  const { address, names } = withoutForced(url);
  const patience = purpose === 'requests' ? {} : { socketTimeoutMS: BUILD_MS };
  const pool = Object.entries(POOL).filter(([name]) => !names.has(name.toLowerCase()));
  try {
    return new MongoClient(address, { ...Object.fromEntries(pool), ...OPTIONS, ...patience });
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new StoreRefused(`STORE_URL cannot be used: ${withoutSecrets(message, url)}`);
  }
}

/** Of the database in the URL. */
export function databaseOf(url: string): string {
  return decoded(/^[a-z+]+:\/\/[^/]+\/([^/?]+)/.exec(url)?.[1] ?? '') ?? '';
}

/** Hosts and database: what a message may say of a store. */
export function displayName(url: string): string {
  const [, scheme = '', rest = ''] = /^([a-z+]+:\/\/)([^?]*)/.exec(url) ?? [];
  return `${scheme}${rest.slice(rest.lastIndexOf('@') + 1)}`;
}

function withoutForced(url: string): { address: string; names: ReadonlySet<string> } {
  const [address = '', query = ''] = url.split(/\?(.*)/s);
  const kept = query.split('&').filter((pair) => pair !== '' && !FORCED.has(optionOf(pair)));
  return {
    address: kept.length === 0 ? address : `${address}?${kept.join('&')}`,
    names: new Set(kept.map(optionOf)),
  };
}

/** Decoded as the driver does, or `%77` would be a `w` that nobody sees. */
const optionOf = (pair: string): string => {
  const name = pair.split('=')[0] ?? '';
  return (decoded(name.replaceAll('+', ' ')) ?? name).trim().toLowerCase();
};

/** The driver quotes what it cannot read. */
function withoutSecrets(message: string, url: string): string {
  const credentials = /:\/\/(.*)@/s.exec(url)?.[1] ?? '';
  const [user = '', ...words] = credentials.split(':');
  const password = words.join(':');
  const secrets = [url, credentials, password, decoded(password), user, decoded(user)];
  return secrets
    .filter((secret) => secret !== undefined && secret !== '')
    .reduce<string>((text, secret) => text.replaceAll(secret ?? '', '…'), message);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
