/**
 * Fills a store with people as they stand in it after a while: each a user, a session, a grant and a refresh token, with the
 * sizes, indexes and lifetimes that the server gives them. The rows cannot be opened by anybody; they only have to be there.
 */
import { DatabaseSync } from 'node:sqlite';
import { hashOf } from '../src/core/hash.ts';
import { type AppId, asAppId } from '../src/core/ids.ts';
import { randomToken } from '../src/core/random.ts';
import type { ArtifactRow, RecordRow, TransferRow } from '../src/store/maintenance.ts';
import { openMaintenance, openStore } from '../src/store/open.ts';
import { type JsonObject, SYSTEM } from '../src/store/port.ts';

const DAY = 86_400_000;
const PER_BULK = 500;
const PER_TRANSACTION = 100_000;
const CLIENT = 'web';

/** A sealed session of one login has some 700 characters. */
const SEALED = randomToken(520);

/** @param storeUrl of a store that a server has opened before, so that its app has an id */
export async function populate(storeUrl: string, people: number): Promise<void> {
  const store = openStore(storeUrl);
  await store.prepare();
  try {
    const now = Date.now();
    const [row] = await store.records.list(SYSTEM, 'app', { limit: 1 }, now);
    if (!row) throw new Error('no app in this store yet');
    const app = asAppId(row.id);
    if (storeUrl.startsWith('sqlite:')) return fillFile(storeUrl.slice('sqlite:'.length), app, people, now);
    await fillStore(storeUrl, app, people, now);
  } finally {
    await store.close();
  }
}

interface PersonRows {
  readonly user: Omit<RecordRow, 'scope'>;
  readonly artifacts: readonly Omit<ArtifactRow, 'scope'>[];
}

function personRows(now: number): PersonRows {
  const [accountId, uid, grantId] = [randomToken(), randomToken(), randomToken(32)];
  const address = `${randomToken()}@people.example`;
  const issued = Math.floor(now / 1000);
  // Spread over the lifetime, so that expiry indexes look as they do in service.
  const expiresAt = now + DAY + ((uid.charCodeAt(0) * 131 + uid.charCodeAt(1)) % 1300) * 0.01 * DAY;
  const login = { iat: issued, accountId, clientId: CLIENT };
  const grant = { ...login, openid: { scope: 'openid email' }, sessionUid: uid };
  const token = { ...login, iiat: issued, grantId, scope: 'openid email', padding: SEALED.slice(0, 200) };
  return {
    user: {
      table: 'record',
      kind: 'user',
      version: 1,
      id: accountId,
      key: address,
      data: { address, status: 'active', createdAt: now, known: [hashOf(randomToken())] },
    },
    artifacts: [
      { ...artifact('Session', hashOf(uid), { sealed: SEALED }), uid, accountId, expiresAt },
      { ...artifact('Grant', grantId, grant), uid, accountId, clientId: CLIENT, expiresAt: now + 90 * DAY },
      { ...artifact('RefreshToken', hashOf(grantId), token), grantId, expiresAt },
    ],
  };
}

const artifact = (kind: string, id: string, data: JsonObject) =>
  ({ table: 'artifact', kind, id, data, marks: {} }) as const;

/** In bulk, as a store that moves house: person by person takes the stand-in of MongoDB ten times as long. */
async function fillStore(storeUrl: string, app: AppId, people: number, now: number): Promise<void> {
  const target = openMaintenance(storeUrl);
  try {
    for (let done = 0; done < people; done += PER_BULK) {
      const some = Array.from({ length: Math.min(PER_BULK, people - done) }, () => personRows(now));
      await target.load(some.flatMap((rows) => transferRows(app, rows)));
    }
  } finally {
    await target.close();
  }
}

const transferRows = (scope: AppId, { user, artifacts }: PersonRows): readonly TransferRow[] =>
  [user, ...artifacts].map((row) => ({ scope, ...row }));

/** Straight into the tables, in a few large transactions: durable commits of a million people would take half an hour. */
function fillFile(file: string, app: AppId, people: number, now: number): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000');
  const user = db.prepare(
    "INSERT INTO record (scope, kind, id, version, data, key) VALUES (?, 'user', ?, 1, ?, ?)",
  );
  const insert = db.prepare(
    `INSERT INTO artifact (scope, model, id, data, uid, account_id, client_id, grant_id, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (let done = 0; done < people; ) {
    db.exec('BEGIN');
    for (const end = Math.min(people, done + PER_TRANSACTION); done < end; done += 1) {
      const rows = personRows(now);
      user.run(app, rows.user.id, JSON.stringify(rows.user.data), rows.user.key ?? null);
      for (const { kind, id, data, uid, accountId, clientId, grantId, expiresAt } of rows.artifacts) {
        const indexes = [uid, accountId, clientId, grantId].map((value) => value ?? null);
        insert.run(app, kind, id, JSON.stringify(data), ...indexes, Math.round(expiresAt ?? 0));
      }
    }
    db.exec('COMMIT');
  }
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}
