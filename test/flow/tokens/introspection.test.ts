/** Asking about a token (RFC 7662): who may, and that all others learn nothing. */
import { expect } from 'chai';
import type { UserRow } from '../../../src/accounts/accounts.ts';
import { MINUTE } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { openStore } from '../../../src/store/open.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens, refreshWith } from '../../support/logins.ts';
import type { RelyingParty, TokenAnswer } from '../../support/relying-party.ts';
import { startTwin } from '../../support/twin.ts';
import { FILES, ORDERS, SHOP, withSecret } from './shop.ts';

const fileLogin = { rp: { scope: 'openid files:read' }, params: { resource: FILES } };

/** Nothing but that: no field tells an unknown token from one that is none of the asker's business. */
const isInactive = (answer: TokenAnswer): void => {
  expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
  expect(answer.json).to.deep.equal({ active: false });
};

describe('introspection', () => {
  let harness: Harness;
  let filesApi: RelyingParty;
  before(async () => {
    harness = await startPostern({
      apps: { shop: SHOP, studio: { ...SHOP, name: 'Studio' }, plain: APPS.studio },
    });
    filesApi = harness.rp('shop', 'files-api', withSecret());
  });
  after(() => harness.close());
  afterEach(restoreTime);

  it('OA-28 the resource server that the resource names reads who, for whom and how long', async () => {
    const { tokens } = await loginWithTokens(harness, fileLogin);
    const { status, headers, json } = await filesApi.introspect(tokens.access_token);
    expect(status).to.equal(200);
    expect(headers['cache-control']).to.equal('no-store');
    expect(json).to.include({
      active: true,
      aud: FILES,
      client_id: 'web',
      sub: tokens.claims?.sub,
      iss: `${harness.url}/shop`,
      scope: 'files:read',
      token_type: 'Bearer',
      acr: 'urn:postern:acr:email',
      auth_time: tokens.claims?.auth_time,
    });
    expect(Number(json.exp) - Number(json.iat)).to.equal(300);
    expect(JSON.stringify(json)).not.to.include(tokens.access_token);
  });

  it('OA-28 everybody else reads what an unknown token reads: another resource server, the client, a stranger', async () => {
    const { rp, tokens } = await loginWithTokens(harness, fileLogin);
    for (const asker of [
      harness.rp('shop', 'orders-api', withSecret()),
      harness.rp('shop', 'secretive', withSecret()),
      harness.rp('shop', 'other'),
      rp,
    ]) {
      for (const token of [tokens.access_token, tokens.refresh_token, 'never-given-out']) {
        isInactive(await asker.introspect(token));
      }
    }
    isInactive(await filesApi.introspect(tokens.refresh_token));
    isInactive(await filesApi.introspect('never-given-out'));
  });

  it('MT-01, OA-28 the resource server of the same name in another app', async () => {
    const { tokens } = await loginWithTokens(harness, fileLogin);
    const namesake = harness.rp('studio', 'files-api', withSecret());
    isInactive(await namesake.introspect(tokens.access_token));
    const { tokens: theirs } = await loginWithTokens(harness, { ...fileLogin, slug: 'studio' });
    expect((await namesake.introspect(theirs.access_token)).json.active).to.equal(true);
    isInactive(await filesApi.introspect(theirs.access_token));
  });

  it('OA-28 a client may ask about what it was given for no resource, if it can prove who it is', async () => {
    const own = await loginWithTokens(harness, { client: 'secretive', rp: withSecret('openid email') });
    for (const token of [own.tokens.access_token, own.tokens.refresh_token]) {
      const { json } = await own.rp.introspect(token);
      expect(json).to.include({ active: true, client_id: 'secretive', sub: own.tokens.claims?.sub });
    }
    const open = await loginWithTokens(harness);
    isInactive(await open.rp.introspect(open.tokens.access_token));
    isInactive(await own.rp.introspect(open.tokens.access_token));
  });

  it('OA-28 without the secret nothing is answered at all', async () => {
    const { tokens } = await loginWithTokens(harness, fileLogin);
    const answer = await harness.rp('shop', 'files-api').introspect(tokens.access_token);
    expect([answer.status, answer.json.error]).to.deep.equal([401, 'invalid_client']);
    expect(answer.json).not.to.have.property('active');
  });

  it('OA-28 revoked: inactive at once, on the other process too', async () => {
    const twin = await startTwin(harness);
    try {
      const { rp, tokens } = await loginWithTokens(harness, fileLogin);
      const there = twin.rp('shop', 'files-api', withSecret());
      expect((await there.introspect(tokens.access_token)).json.active).to.equal(true);
      await rp.revoke(tokens.refresh_token);
      isInactive(await there.introspect(tokens.access_token));
      isInactive(await filesApi.introspect(tokens.access_token));
    } finally {
      await twin.close();
    }
  });

  it('OA-28 expired: inactive, for a refresh token that was used too', async () => {
    const own = await loginWithTokens(harness, { client: 'secretive', rp: withSecret() });
    await refreshWith(own.rp, own.tokens.refresh_token);
    isInactive(await own.rp.introspect(own.tokens.refresh_token));
    const { tokens } = await loginWithTokens(harness, fileLogin);
    passTime(harness, 6 * MINUTE);
    isInactive(await filesApi.introspect(tokens.access_token));
  });

  it('OA-26, OA-28 the user is blocked, or gone: inactive', async () => {
    const store = openStore(harness.config.storeUrl, { log: silentLog });
    await store.prepare();
    try {
      const { tokens } = await loginWithTokens(harness, fileLogin);
      const app = harness.server.apps.bySlug('shop');
      const user =
        app &&
        (await store.records.find<UserRow>(app.id, 'user', String(tokens.claims?.sub), harness.clock.now()));
      if (!app || !user) throw new Error('no user');
      await store.records.replace(
        app.id,
        'user',
        { ...user, data: { ...user.data, status: 'blocked' } },
        harness.clock.now(),
      );
      isInactive(await filesApi.introspect(tokens.access_token));
      await store.records.remove(app.id, 'user', user.id);
      isInactive(await filesApi.introspect(tokens.access_token));
    } finally {
      await store.close();
    }
  });

  it('OA-26, OA-28 the client is gone from the configuration: inactive, and no fault', async () => {
    const { tokens } = await loginWithTokens(harness, fileLogin);
    const { shop, ...others } = harness.config.apps;
    if (!shop) throw new Error('no shop');
    const { web: _, ...clients } = shop.clients;
    const twin = await startTwin(harness, { apps: { shop: { ...shop, clients }, ...others } });
    try {
      isInactive(await twin.rp('shop', 'files-api', withSecret()).introspect(tokens.access_token));
    } finally {
      await twin.close();
    }
  });

  it('a JWT is checked by its signature, not here', async () => {
    const { tokens } = await loginWithTokens(harness, {
      rp: { scope: 'openid orders:read' },
      params: { resource: ORDERS },
    });
    const ordersApi = harness.rp('shop', 'orders-api', withSecret());
    const answer = await ordersApi.introspect(tokens.access_token);
    expect([answer.status, answer.json.error]).to.deep.equal([400, 'unsupported_token_type']);
    const forged = await ordersApi.introspect('eyJhbGciOiJub25lIn0.e30.');
    expect([forged.status, forged.json]).to.deep.equal([answer.status, answer.json]);
  });

  it('tells nothing where a parameter is missing or doubled', async () => {
    expect((await filesApi.introspect('')).json.error).to.equal('invalid_request');
  });
});
