/**
 * Fills a store with people as they stand in it after a while: each a user, a session, a grant and a refresh token, with the
 * sizes, indexes and lifetimes that the server gives them. The rows cannot be opened by anybody; they only have to be there.
 */
import { DatabaseSync } from 'node:sqlite';
import { hashOf } from '../src/core/hash.ts';
import { type AppId, asAppId } from '../src/core/ids.ts';
import { randomToken } from '../src/core/random.ts';
import { openStore } from '../src/store/open.ts';
import { type ArtifactDraft, type RecordDraft, type Store, SYSTEM } from '../src/store/port.ts';

const DAY = 86_400_000;
/** So that the next commits are made up while one is under way; more would wait for a connection longer than the driver lets them. */
const AT_ONCE = 32;
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
    for (let done = 0; done < people; done += AT_ONCE) {
      const some = Math.min(AT_ONCE, people - done);
      await Promise.all(Array.from({ length: some }, () => insertPerson(store, app, now)));
    }
  } finally {
    await store.close();
  }
}

interface PersonRows {
  readonly user: RecordDraft;
  readonly artifacts: readonly (readonly [model: string, draft: ArtifactDraft])[];
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
      id: accountId,
      key: address,
      data: { address, status: 'active', createdAt: now, known: [hashOf(randomToken())] },
    },
    artifacts: [
      ['Session', { id: hashOf(uid), data: { sealed: SEALED }, uid, accountId, expiresAt }],
      ['Grant', { id: grantId, data: grant, uid, accountId, clientId: CLIENT, expiresAt: now + 90 * DAY }],
      ['RefreshToken', { id: hashOf(grantId), data: token, grantId, expiresAt }],
    ],
  };
}

async function insertPerson({ records, artifacts }: Store, app: AppId, now: number): Promise<void> {
  const rows = personRows(now);
  await Promise.all([
    records.insert(app, 'user', rows.user, now),
    ...rows.artifacts.map(([model, draft]) => artifacts.insert(app, model, draft, now)),
  ]);
}

/** Straight into the tables, in a few large transactions: durable commits of a million people would take half an hour. */
function fillFile(file: string, app: AppId, people: number, now: number): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000');
  const user = db.prepare(
    "INSERT INTO record (scope, kind, id, version, data, key) VALUES (?, 'user', ?, 1, ?, ?)",
  );
  const artifact = db.prepare(
    `INSERT INTO artifact (scope, model, id, data, uid, account_id, client_id, grant_id, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (let done = 0; done < people; ) {
    db.exec('BEGIN');
    for (const end = Math.min(people, done + PER_TRANSACTION); done < end; done += 1) {
      const rows = personRows(now);
      user.run(app, rows.user.id, JSON.stringify(rows.user.data), rows.user.key ?? null);
      for (const [model, { id, data, uid, accountId, clientId, grantId, expiresAt }] of rows.artifacts) {
        const indexes = [uid, accountId, clientId, grantId].map((value) => value ?? null);
        artifact.run(app, model, id, JSON.stringify(data), ...indexes, Math.round(expiresAt ?? 0));
      }
    }
    db.exec('COMMIT');
  }
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}
