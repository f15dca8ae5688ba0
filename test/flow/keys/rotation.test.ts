/** Rotation of signing keys: by command, by schedule, in an emergency; on one server and on two (OA-31, OA-32). */
import { expect } from 'chai';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import type { App } from '../../../src/apps/apps.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { auditOf, loginWithTokens, refreshWith } from '../../support/logins.ts';
import type { RelyingParty } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { get, jsonOf } from '../../support/wire-forms.ts';

const CACHE = 10 * MINUTE;

describe('signing keys', () => {
  let harness: Harness;
  let twin: Twin;
  beforeEach(async () => {
    harness = await startPostern({ apps: { shop: { ...APPS.shop, keys: { rotate_every: '90d' } } } });
    twin = await startTwin(harness);
  });
  afterEach(async () => {
    restoreTime();
    await twin.close();
    await harness.close();
  });

  const shop = (): App => {
    const app = harness.server.apps.bySlug('shop');
    if (!app) throw new Error('no shop');
    return app;
  };
  const keySet = async (url = harness.url): Promise<JSONWebKeySet> =>
    jsonOf(await get(`${url}/shop/jwks`, { host: new URL(harness.url).host })) as unknown as JSONWebKeySet; // RFC 7517 §5
  const kids = async (url?: string) => (await keySet(url)).keys.map(({ kid }) => String(kid)).sort();
  const kidOf = (token: string | undefined) => decodeProtectedHeader(token ?? '').kid;
  const types = async () =>
    (await auditOf(harness)).map(({ type }) => type).filter((type) => /^keys/.test(type));

  /** A client that believes its copy of the key set for ten minutes and never asks earlier. */
  const cachingClient = () => {
    let cached: { readonly at: number; readonly set: JSONWebKeySet } | undefined;
    return async (token: string) => {
      const now = harness.clock.now();
      if (!cached || now - cached.at >= CACHE) cached = { at: now, set: await keySet() };
      await jwtVerify(token, createLocalJWKSet(cached.set), {
        currentDate: new Date(now),
        clockTolerance: 2,
      });
    };
  };

  /** One refresh on each server in turn; the new ID token of each. */
  async function refreshes(rps: readonly RelyingParty[], token: string): Promise<[string, string[]]> {
    let current = token;
    const idTokens: string[] = [];
    for (const rp of rps) {
      const answer = await refreshWith(rp, current);
      expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
      current = String(answer.json.refresh_token);
      idTokens.push(String(answer.json.id_token));
    }
    return [current, idTokens];
  }

  it('OA-32 a client that caches the key set for ten minutes never meets an unknown key', async () => {
    const check = cachingClient();
    const { rp, tokens } = await loginWithTokens(harness);
    const both = [rp, twin.rp()];
    let current = tokens.refresh_token;
    const seen = new Set<string | undefined>();
    const turn = async (ms: number) => {
      passTime(harness, ms);
      const [next, idTokens] = await refreshes(both, current);
      current = next;
      for (const idToken of idTokens) {
        seen.add(kidOf(idToken));
        await check(idToken);
      }
    };
    await turn(0);
    expect((await harness.server.keys.rotate(shop(), 'operator')).outcome).to.equal('published');
    for (let hour = 0; hour < 23; hour += 1) await turn(HOUR);
    expect(seen.size, 'signs with the old key before the day is over').to.equal(1);
    for (let step = 0; step < 14; step += 1) await turn(9 * MINUTE);
    expect(seen.size).to.equal(2);
    // Both servers have long changed over; and the older key goes when its last token has expired.
    await turn(HOUR);
    expect(await kids()).to.have.length(2);
  });

  it('OA-32 a token of the old key can be checked until it expires, and the key is gone afterwards', async () => {
    await harness.server.keys.rotate(shop(), 'operator');
    passTime(harness, DAY - SECOND);
    const { tokens } = await loginWithTokens(harness);
    const old = kidOf(tokens.id_token);
    passTime(harness, HOUR - SECOND);
    expect(await kids())
      .to.include(old)
      .and.have.length(4);
    await jwtVerify(tokens.id_token ?? '', createLocalJWKSet(await keySet()), {
      currentDate: new Date(harness.clock.now()),
    });
    passTime(harness, 2 * MINUTE);
    expect(await kids()).to.have.length(2);
    expect(await kids()).to.not.include(old);
  });

  it('OA-32 both servers agree within two seconds', async () => {
    const before = await kids();
    expect(await kids(twin.harness.url)).to.deep.equal(before);
    await harness.server.keys.rotate(shop(), 'operator');
    passTime(harness, 1500);
    const after = await kids();
    expect(after).to.have.length(4);
    expect(await kids(twin.harness.url)).to.deep.equal(after);
  });

  it('OA-32 an emergency: the old keys are gone from both servers at once, with the tokens they signed', async () => {
    const { browser, rp, tokens } = await loginWithTokens(harness);
    const before = await kids();
    const done = await harness.server.keys.replaceAll(shop());
    expect(done.outcome).to.equal('replaced');
    passTime(harness, 1500);
    for (const url of [harness.url, twin.harness.url]) {
      expect(
        (await kids(url)).filter((kid) => before.includes(kid)),
        url,
      ).to.deep.equal([]);
      expect(await kids(url)).to.have.length(2);
    }
    const [, [fresh, second]] = await refreshes([rp, twin.rp()], tokens.refresh_token);
    for (const idToken of [fresh, second]) expect(done.kids).to.include(kidOf(idToken));
    const hint = await browser.visit(await rp.logoutUrl({ id_token_hint: tokens.id_token ?? '' }));
    expect(hint.status).to.equal(400);
    expect(await types()).to.have.members(['keys.activated', 'keys.removed', 'keys.activated']);
  });

  it('OA-36 an ID token of a key that is no longer published still is a sign-out hint while its session may live', async () => {
    const { browser, rp, tokens } = await loginWithTokens(harness);
    await harness.server.keys.rotate(shop(), 'operator');
    passTime(harness, 3 * DAY);
    expect(await kids()).to.not.include(kidOf(tokens.id_token));
    const answer = await browser.visit(await rp.logoutUrl({ id_token_hint: tokens.id_token ?? '' }));
    expect(answer.status).to.equal(200);
  });

  it('OA-32 two servers that rotate at once: one publishes, the other finds it done', async () => {
    await Promise.all([kids(), kids(twin.harness.url)]);
    const app = shop();
    const both = [harness, twin.harness].map(({ server }) => server.keys);
    const done = await Promise.all(both.map((keys) => keys.rotate(app, 'operator')));
    expect(done.map(({ outcome }) => outcome).sort()).to.deep.equal(['pending', 'published']);
    expect(new Set(done.map((one) => one.kids.join())).size).to.equal(1);
    const replaced = await Promise.all(both.map((keys) => keys.replaceAll(app)));
    expect(new Set(replaced.map((one) => one.kids.join())).size).to.equal(1);
    expect((await types()).filter((type) => type === 'keys.published')).to.have.length(1);
    expect((await types()).filter((type) => type === 'keys.removed')).to.have.length(1);
  });

  it('OA-32 by schedule: the tick publishes a day ahead, announces, removes; one of two servers does it', async () => {
    const first = await kids();
    const tick = () => Promise.all([harness.server.tick(), twin.harness.server.tick()]);
    passTime(harness, 89 * DAY - MINUTE);
    await tick();
    expect(await kids()).to.deep.equal(first);
    passTime(harness, 2 * MINUTE);
    await tick();
    const second = (await kids()).filter((kid) => !first.includes(kid));
    expect(second).to.have.length(2);
    passTime(harness, DAY);
    await tick();
    passTime(harness, 31 * DAY);
    await tick();
    expect(await kids()).to.deep.equal(second);
    expect(await types()).to.deep.equal([
      'keys.activated',
      'keys.published',
      'keys.activated',
      'keys.removed',
    ]);
  });
});
