/** Clients are told when a session ends in which they had a login (OpenID Back-Channel Logout 1.0, OA-37). */
import { expect } from 'chai';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { HOUR, MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, ask, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import {
  again,
  auditOf,
  loginWithTokens,
  newAddress,
  refreshWith,
  type TokenLogin,
} from '../../support/logins.ts';
import { LogoutSink } from '../../support/logout-sink.ts';
import { type Answer, formWith, pageOf } from '../../support/relying-party.ts';
import { startTwin } from '../../support/twin.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

describe('OA-37 back-channel logout', () => {
  let sink: LogoutSink;
  let harness: Harness;
  before(async () => {
    sink = await LogoutSink.start();
    const told = (path: string, more = {}) =>
      publicClient({ backchannel_logout_uri: `${sink.url}/${path}`, ...more });
    const clients = {
      ...APPS.shop.clients,
      one: told('one'),
      two: told('two', { backchannel_logout_session_required: true }),
      three: told('three'),
    };
    harness = await startPostern({
      apps: { shop: { ...APPS.shop, clients } },
      config: { outboundAllow: ['127.0.0.1/32'] },
    });
  });
  after(async () => {
    await harness.close();
    await sink.close();
  });
  afterEach(() => {
    restoreTime();
    sink.clear();
  });

  const leave = async (person: Pick<TokenLogin, 'browser' | 'rp'>): Promise<Answer> => {
    const page = await person.browser.visit(await person.rp.logoutUrl());
    return person.browser.submit(formWith(page, 'logout'), { logout: 'yes' });
  };
  /** What clients were told of one person; jobs of other tests may still be on their way. */
  const toldOf = ({ tokens }: Pick<TokenLogin, 'tokens'>) =>
    sink.notices.filter(({ token }) => decodeJwt(token).sub === tokens.claims?.sub);
  const pathsOf = (person: Pick<TokenLogin, 'tokens'>) =>
    toldOf(person)
      .map(({ path }) => path)
      .sort();
  const events = async (userId: unknown) =>
    (await auditOf(harness)).filter((event) => event.userId === userId && event.type.startsWith('logout.'));

  it('OA-37 every client with a login in the session is told, once, and no other', async () => {
    const person = await loginWithTokens(harness, { client: 'one' });
    await again(person.browser, harness.rp('shop', 'two'));
    await again(person.browser, harness.rp('shop', 'web'));
    await leave(person);
    await harness.server.jobs.runDue();
    expect(pathsOf(person)).to.deep.equal(['/one', '/two']);
    await harness.server.jobs.runDue();
    expect(pathsOf(person)).to.deep.equal(['/one', '/two']);
    const told = await events(person.tokens.claims?.sub);
    expect(told.map(({ type, clientId }) => [type, clientId]).sort()).to.deep.equal([
      ['logout.delivered', 'one'],
      ['logout.delivered', 'two'],
    ]);
  });

  it('OA-37 the token says what the specification asks for, and nothing that passes for an ID token', async () => {
    const person = await loginWithTokens(harness, { client: 'one' });
    await leave(person);
    await harness.server.jobs.runDue();
    const [notice] = toldOf(person);
    expect(notice).to.include({ method: 'POST', type: 'application/x-www-form-urlencoded' });
    const token = notice?.token ?? '';
    const keys = createRemoteJWKSet(new URL(`${harness.url}/shop/jwks`));
    const expected = { issuer: `${harness.url}/shop`, audience: 'one', typ: 'logout+jwt' };
    const { payload } = await jwtVerify(token, keys, expected);
    expect(decodeProtectedHeader(token)).to.include({ typ: 'logout+jwt', alg: 'RS256' });
    expect(Object.keys(payload).sort()).to.deep.equal([
      'aud',
      'events',
      'exp',
      'iat',
      'iss',
      'jti',
      'sid',
      'sub',
    ]);
    expect(payload).to.deep.include({ sub: person.tokens.claims?.sub, events: { [EVENT]: {} } });
    expect(payload.sid).to.equal(decodeJwt(person.tokens.id_token ?? '').sid);
    expect(Number(payload.exp) - Number(payload.iat)).to.be.within(1, 120);
    const hint = await person.browser.visit(await person.rp.logoutUrl({ id_token_hint: token }));
    expect(hint.status).to.equal(400);
  });

  it('OA-37 nobody waits for a client that never answers: the page is there, the session is over', async () => {
    sink.answer = 'never';
    const person = await loginWithTokens(harness, { client: 'one' });
    const page = await leave(person);
    expect(pageOf(page).text).to.include('signed out');
    expect((await refreshWith(person.rp, person.tokens.refresh_token)).status).to.equal(400);
    const silent = await person.browser.visit(await person.rp.authorizationUrl({ prompt: 'none' }));
    expect(new URL(silent.next ?? '').searchParams.get('error')).to.equal('login_required');
  });

  it('OA-37 a client that fails is asked again later, each time with a fresh token, until it has taken it', async () => {
    sink.answer = 503;
    const person = await loginWithTokens(harness, { client: 'one' });
    await leave(person);
    await harness.server.jobs.runDue();
    passTime(harness, 10 * MINUTE);
    await harness.server.jobs.runDue();
    sink.answer = 204;
    passTime(harness, 20 * MINUTE);
    await harness.server.jobs.runDue();
    passTime(harness, HOUR);
    await harness.server.jobs.runDue();
    expect(pathsOf(person)).to.deep.equal(['/one', '/one', '/one']);
    const tokens = toldOf(person).map(({ token }) => decodeJwt(token));
    expect(new Set(tokens.map(({ jti }) => jti)).size).to.equal(3);
    expect(Number(tokens[2]?.iat) - Number(tokens[0]?.iat)).to.be.at.least(30 * 60);
    const told = await events(person.tokens.claims?.sub);
    expect(told).to.have.length(1);
    expect(told[0]).to.include({ type: 'logout.delivered', tries: 3 });
  });

  it('OA-37 a client that fails for six hours is given up, and the audit log says so', async () => {
    sink.answer = 400;
    const person = await loginWithTokens(harness, { client: 'one' });
    await leave(person);
    await harness.server.jobs.runDue();
    passTime(harness, 7 * HOUR);
    await harness.server.jobs.runDue();
    passTime(harness, 7 * HOUR);
    await harness.server.jobs.runDue();
    expect(toldOf(person)).to.have.length(2);
    const told = await events(person.tokens.claims?.sub);
    expect(told.map(({ type }) => type)).to.deep.equal(['logout.failed']);
    expect(told[0]).to.include({ reason: 'status_400' });
  });

  it('OA-37 it outlives the process: another one tells the clients', async () => {
    sink.answer = 500;
    const person = await loginWithTokens(harness, { client: 'one' });
    await leave(person);
    await harness.server.jobs.runDue();
    sink.answer = 200;
    passTime(harness, MINUTE);
    const twin = await startTwin(harness, { outboundAllow: ['127.0.0.1/32'] });
    try {
      await twin.harness.server.jobs.runDue();
      expect(toldOf(person)).to.have.length(2);
    } finally {
      await twin.close();
    }
  });

  it('OA-37 a private address that is not allowed is never called, and given up at once', async () => {
    const shop = {
      ...APPS.shop,
      clients: { web: publicClient({ backchannel_logout_uri: `${sink.url}/private` }) },
    };
    const strict = await startPostern({ apps: { shop } });
    try {
      const person = await loginWithTokens(strict);
      await leave(person);
      await strict.server.jobs.runDue();
      expect(toldOf(person)).to.deep.equal([]);
      const [failed] = (await auditOf(strict)).filter(({ type }) => type === 'logout.failed');
      expect(failed).to.include({ reason: 'refused', tries: 1 });
    } finally {
      await strict.close();
    }
  });

  it('ML-44 another person signs in in the same browser: the clients of the first session are told', async () => {
    const person = await loginWithTokens(harness, { client: 'one' });
    const other = newAddress();
    const waiting = await ask(person.browser, harness.rp(), other, { prompt: 'login' });
    const { code } = await harness.mailTo(other);
    const question = await person.browser.submit(formWith(waiting, 'code'), { code });
    expect(toldOf(person)).to.deep.equal([]);
    await person.browser.submit(formWith(question, 'switch'), {});
    await harness.server.jobs.runDue();
    expect(pathsOf(person)).to.deep.equal(['/one']);
  });

  it('"stay signed in" tells nobody, and the client is still told when the session really ends', async () => {
    const person = await loginWithTokens(harness, { client: 'one' });
    const page = await person.browser.visit(await person.rp.logoutUrl({ client_id: 'one' }));
    const [stay] = pageOf(page).links.filter(({ url }) => url.includes('/session/stay'));
    await person.browser.visit(stay?.url ?? '');
    await harness.server.jobs.runDue();
    expect(toldOf(person)).to.deep.equal([]);
    await leave(person);
    await harness.server.jobs.runDue();
    expect(pathsOf(person)).to.deep.equal(['/one']);
  });

  it('discovery offers it, with sid', async () => {
    const metadata: object = await harness.rp().metadata();
    expect(metadata).to.include({
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    });
  });
});
