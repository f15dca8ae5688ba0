/**
 * Fills a store with people as they stand in it after a while: each a user, a session, a grant and a refresh token, with the
 * sizes, indexes and lifetimes that the server gives them. The rows cannot be opened by anybody; they only have to be there.
 */
import { hashOf } from '../src/core/hash.ts';
import { type AppId, asAppId } from '../src/core/ids.ts';
import { randomToken } from '../src/core/random.ts';
import { openStore } from '../src/store/open.ts';
import { type Store, SYSTEM } from '../src/store/port.ts';

const DAY = 86_400_000;
/** So that the next commits are made up while one is under way. */
const AT_ONCE = 512;
const CLIENT = 'web';

/** A sealed session of one login has some 700 characters. */
const SEALED = randomToken(520);

/** @param storeUrl of a store that a server has opened before, so that its app has an id */
export async function populate(storeUrl: string, people: number): Promise<void> {
  const store = openStore(storeUrl);
  await store.prepare();
  try {
    const now = Date.now();
    const [app] = await store.records.list(SYSTEM, 'app', { limit: 1 }, now);
    if (!app) throw new Error('no app in this store yet');
    for (let done = 0; done < people; done += AT_ONCE) {
      const some = Math.min(AT_ONCE, people - done);
      await Promise.all(Array.from({ length: some }, () => insertPerson(store, asAppId(app.id), now)));
    }
  } finally {
    await store.close();
  }
}

async function insertPerson(store: Store, app: AppId, now: number): Promise<void> {
  const [accountId, uid, grantId] = [randomToken(), randomToken(), randomToken(32)];
  const address = `${randomToken()}@people.example`;
  const known = [hashOf(randomToken())];
  const issued = Math.floor(now / 1000);
  // Spread over the lifetime, so that expiry indexes look as they do in service.
  const session = now + DAY + ((uid.charCodeAt(0) * 131 + uid.charCodeAt(1)) % 1300) * 0.01 * DAY;
  const { artifacts, records } = store;
  await Promise.all([
    records.insert(
      app,
      'user',
      { id: accountId, key: address, data: { address, status: 'active', createdAt: now, known } },
      now,
    ),
    artifacts.insert(
      app,
      'Session',
      { id: hashOf(uid), data: { sealed: SEALED }, uid, accountId, expiresAt: session },
      now,
    ),
    artifacts.insert(
      app,
      'Grant',
      {
        id: grantId,
        data: {
          iat: issued,
          accountId,
          clientId: CLIENT,
          openid: { scope: 'openid email' },
          sessionUid: uid,
        },
        uid,
        accountId,
        clientId: CLIENT,
        expiresAt: now + 90 * DAY,
      },
      now,
    ),
    artifacts.insert(
      app,
      'RefreshToken',
      {
        id: hashOf(grantId),
        data: {
          iat: issued,
          iiat: issued,
          accountId,
          clientId: CLIENT,
          grantId,
          scope: 'openid email',
          sealed: SEALED.slice(0, 200),
        },
        grantId,
        expiresAt: session,
      },
      now,
    ),
  ]);
}
