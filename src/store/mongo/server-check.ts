/** What `postern store check` says of a MongoDB. Reads only, apart from the probe that every readiness check writes too. */
import { type Db, type Document, MongoServerError } from 'mongodb';
import type { Finding } from '../maintenance.ts';
import { collectionsOf } from './link.ts';
import { namesOf } from './mongo-fault.ts';
import { assertKnownVersion, INDEXES, PROBE_ID, SCHEMA_VERSION } from './schema.ts';

/**
 * The first build of each series without the leak of server memory to callers who have not signed in (CVE-2025-14847).
 * Series below the first have no safe build that Postern knows of.
 */
const SAFE_BUILDS: Readonly<Record<string, number>> = { '6.0': 27, '7.0': 28, '8.0': 17, '8.2': 3 };
const LAST_LEAKY = { major: 8, minor: 2 } as const;
const OLDEST_MAJOR = 6;
/** What the server answers about the indexes of a collection that is not there. */
const NAMESPACE_NOT_FOUND = 26;

export async function checkServer(db: Db, name: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const hello = await db.admin().command({ hello: 1 });
  const { version = '' } = await db.admin().command({ buildInfo: 1 });
  findings.push({ level: 'ok', subject: 'connection', detail: `${name} answers` });
  findings.push(versionFinding(String(version)), topologyFinding(hello));
  findings.push(await schemaFinding(db, name), await writeFinding(db));
  for (const room of Object.keys(INDEXES)) {
    // Object.keys forgets which keys the object has.
    findings.push(await indexFinding(db, room as keyof typeof INDEXES));
  }
  return findings;
}

export function versionFinding(version: string): Finding {
  const subject = 'server version';
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major < OLDEST_MAJOR) {
    return { level: 'fault', subject, detail: `${version} is too old: use MongoDB ${OLDEST_MAJOR} or newer` };
  }
  const safe = SAFE_BUILDS[`${major}.${minor}`];
  // A series without a safe build (7.1, 8.1) was given up before the leak was found.
  const isLater = major > LAST_LEAKY.major || (major === LAST_LEAKY.major && minor > LAST_LEAKY.minor);
  if (!isLater && (safe === undefined || patch < safe)) {
    const cure = safe === undefined ? 'another series' : `${major}.${minor}.${safe} or newer`;
    const detail = `${version} lets strangers read memory of the server (CVE-2025-14847): update to ${cure}`;
    return { level: 'fault', subject, detail };
  }
  return { level: 'ok', subject, detail: version };
}

function topologyFinding(hello: Document): Finding {
  const subject = 'replica set';
  if (hello.msg === 'isdbgrid') return { level: 'ok', subject, detail: 'a sharded cluster' };
  if (typeof hello.setName !== 'string') {
    const detail = 'MongoDB runs alone: a lost answer is not asked for again, and its disk is the only one';
    return { level: 'warning', subject, detail };
  }
  const members = Array.isArray(hello.hosts) ? hello.hosts.length : 1;
  const detail = `${hello.setName}, data on ${members} member${members === 1 ? '' : 's'}`;
  return members < 3
    ? { level: 'warning', subject, detail: `${detail}: it does not outlive the loss of one` }
    : { level: 'ok', subject, detail };
}

async function schemaFinding(db: Db, name: string): Promise<Finding> {
  const subject = 'schema version';
  try {
    await assertKnownVersion(collectionsOf(db), name);
    return { level: 'ok', subject, detail: String(SCHEMA_VERSION) };
  } catch (thrown) {
    return { level: 'fault', subject, detail: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** The concern is on every write that Postern sends; here is seen whether this deployment can meet it. */
async function writeFinding(db: Db): Promise<Finding> {
  const subject = 'write concern';
  try {
    await collectionsOf(db).meta.updateOne({ _id: PROBE_ID }, { $inc: { beats: 1 } }, { upsert: true });
    return { level: 'ok', subject, detail: 'a write was acknowledged by a majority, from its journals' };
  } catch (thrown) {
    return { level: 'fault', subject, detail: `a write was not acknowledged: ${namesOf(thrown)}` };
  }
}

async function indexFinding(db: Db, room: keyof typeof INDEXES): Promise<Finding> {
  const collection = collectionsOf(db)[room];
  const subject = `indexes of ${collection.collectionName}`;
  const present = new Map<string, Document>();
  try {
    for (const index of await collection.listIndexes().toArray()) present.set(String(index.name), index);
  } catch (thrown) {
    const isMissing = thrown instanceof MongoServerError && thrown.code === NAMESPACE_NOT_FOUND;
    const why = isMissing
      ? 'the collection does not exist: the first start makes it'
      : `cannot be listed: ${namesOf(thrown)}`;
    return { level: 'fault', subject, detail: why };
  }
  const missing = INDEXES[room].filter((wanted) => {
    const found = present.get(wanted.name ?? '');
    const isSame = JSON.stringify(found?.key) === JSON.stringify(wanted.key);
    return !isSame || Boolean(found?.unique) !== Boolean(wanted.unique);
  });
  if (missing.length === 0) return { level: 'ok', subject, detail: `all ${INDEXES[room].length} there` };
  const names = missing.map((index) => index.name).join(', ');
  return { level: 'fault', subject, detail: `missing or changed: ${names}; starting Postern makes them` };
}
