import { expect } from 'chai';
import { DAY, HOUR, MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, publicClient, signInByCode, startPostern } from '../../support/harness.ts';
import { type Answer, formsOf } from '../../support/relying-party.ts';
import { allEvents, csrfOf, newBrowser, subOf } from '../../support/sign-in.ts';
import { json, newSigningKey, OidcServer, UpstreamWorld } from '../../support/upstream-server.ts';
import { comeBack, finishReturn, leaveFor, press } from '../../support/upstream-visit.ts';
import { upstreamApps } from './apps.ts';

const ADA = { sub: 'ada', email: 'ada@corp.example', email_verified: true };
const ORIGIN = 'https://login.corp.example';

describe('upstream: sign-in', () => {
  const world = new UpstreamWorld();
  const corp = world.add(new OidcServer({ issuer: ORIGIN }));
  let harness: Harness;

  before(async () => {
    harness = await startPostern({ apps: upstreamApps({ authoritative: true }), fetch: world.fetch });
  });
  after(() => harness.close());
  afterEach(() => {
    corp.twist = {};
    world.down.clear();
    restoreTime();
  });

  async function signIn(person = ADA, params = {}, browser = newBrowser(harness)) {
    const rp = harness.rp();
    const away = await leaveFor(browser, rp, 'corp', params);
    const back = await comeBack(browser, away, corp.authorize(away.url, person));
    return { rp, browser, away, answer: await finishReturn(browser, back) };
  }

  it('asks a provider what it is at the first visit, never at the start', async () => {
    expect(world.calls).to.deep.equal([]);
    await leaveFor(newBrowser(harness), harness.rp(), 'corp');
    expect(world.calls).to.include(`GET ${ORIGIN}/.well-known/openid-configuration`);
  });

  it('brings a person back signed in, as the same user each time, whatever the address is by then (AC-06)', async () => {
    const first = await signIn();
    const sub = await subOf(first.rp, callbackOf(first.answer));
    const again = await signIn({ ...ADA, email: 'ada.new@corp.example' });
    expect(await subOf(again.rp, callbackOf(again.answer))).to.equal(sub);
  });

  it('is the same user as by link, where the provider speaks for the address', async () => {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const byCode = await subOf(rp, callbackOf(await signInByCode(harness, browser, rp, ADA.email)));
    const upstream = await signIn();
    expect(await subOf(upstream.rp, callbackOf(upstream.answer))).to.equal(byCode);
  });

  it('passes no hint of the client on: anybody can have written it', async () => {
    const { url } = await leaveFor(newBrowser(harness), harness.rp(), 'corp', {
      login_hint: 'eve@x.example',
    });
    expect(url.href).to.not.contain('eve');
  });

  it('the provider used last in this browser comes first', async () => {
    const two = await startPostern({
      apps: upstreamApps(
        { authoritative: true },
        { other: { issuer: 'https://o.example', label: 'O', client_id: 'x' } },
      ),
      fetch: world.fetch,
    });
    try {
      const browser = newBrowser(two);
      const first = await browser.visit(await two.rp().authorizationUrl());
      expect(buttons(first)).to.deep.equal(['corp', 'other']);
      const away = await leaveFor(browser, two.rp(), 'corp');
      await finishReturn(browser, await comeBack(browser, away, corp.authorize(away.url, ADA)));
      const later = await browser.visit(await two.rp().authorizationUrl({ prompt: 'login' }));
      expect(buttons(later)).to.deep.equal(['corp', 'other']);
    } finally {
      await two.close();
    }
  });

  it('a person who says no there is back at the choice, with a calm word', async () => {
    const browser = newBrowser(harness);
    const away = await leaveFor(browser, harness.rp(), 'corp');
    const hostile = {
      error_description: '<script>alert(1)</script> call +1 555',
      error_uri: 'https://evil.example',
    };
    const answer = await finishReturn(browser, await comeBack(browser, away, corp.deny(away.url, hostile)));
    expect(answer.status).to.equal(200);
    expect(answer.body).to.contain('You came back without signing in');
    expect(answer.body).to.not.match(/alert\(1|call \+1|evil/);
    expect(buttons(answer)).to.deep.equal(['corp']);
  });

  it('an error that the provider tells itself is told in our words, and the way leads back', async () => {
    const browser = newBrowser(harness);
    const away = await leaveFor(browser, harness.rp(), 'corp');
    const params = corp.answer(away.url.searchParams, {
      error: 'server_error',
      error_description: 'evil words',
    });
    const answer = await finishReturn(browser, await comeBack(browser, away, params));
    expect(answer.status).to.equal(503);
    expect(answer.body).to.contain('does not answer right now').and.not.contain('evil words');
    const start = await browser.visit(backOf(answer));
    expect(buttons(start)).to.deep.equal(['corp']);
  });

  it('a provider that is away at the button, and one that goes away before its token: told, and nothing is lost', async () => {
    const elsewhere = await startPostern({ apps: upstreamApps({ authoritative: true }), fetch: world.fetch });
    try {
      world.down.add(ORIGIN);
      const browser = newBrowser(elsewhere);
      const start = await browser.visit(await elsewhere.rp().authorizationUrl());
      const refused = await press(browser, start, 'corp');
      expect(refused.status).to.equal(503);
      world.down.clear();
      const rp = elsewhere.rp();
      const away = await leaveFor(browser, rp, 'corp');
      const back = await comeBack(browser, away, corp.authorize(away.url, ADA));
      world.down.add(ORIGIN);
      const answer = await finishReturn(browser, back);
      expect(answer.status).to.equal(503);
      expect(answer.body).to.contain('Corp');
    } finally {
      await elsewhere.close();
    }
  });

  it('what it published serves on while it cannot be reached, for a week', async () => {
    await leaveFor(newBrowser(harness), harness.rp(), 'corp');
    world.down.add(ORIGIN);
    passTime(harness, DAY);
    expect((await leaveFor(newBrowser(harness), harness.rp(), 'corp')).url.origin).to.equal(ORIGIN);
    passTime(harness, 7 * DAY);
    const browser = newBrowser(harness);
    const start = await browser.visit(await harness.rp().authorizationUrl());
    expect((await press(browser, start, 'corp')).status).to.equal(503);
  });

  it('our credentials are refused there: told as something that only the operator can mend', async () => {
    corp.twist = { tokens: () => json({ error: 'invalid_client', error_description: 'evil words' }, 401) };
    const { answer } = await signIn();
    expect(answer.body).to.contain('only the operator').and.not.contain('evil words');
  });

  it('clocks that differ by seconds do no harm', async () => {
    corp.twist = {
      claims: (honest) => ({ ...honest, iat: Number(honest.iat) + 20, nbf: Number(honest.iat) + 20 }),
    };
    expect(callbackOf((await signIn()).answer)).to.contain('code=');
  });

  it('who has to sign in anew here has to there: asked for, and checked (OIDC Core §3.1.2.1)', async () => {
    const asked = await signIn(ADA, { prompt: 'login' });
    expect(asked.away.url.searchParams.get('prompt')).to.equal('login');
    expect(asked.away.url.searchParams.get('max_age')).to.equal('0');
    expect(callbackOf(asked.answer)).to.contain('code=');
    for (const auth_time of [Math.floor(Date.now() / 1000) - HOUR / 1000, undefined]) {
      corp.twist = { claims: (honest) => ({ ...honest, auth_time }) };
      const { answer } = await signIn(ADA, { prompt: 'login' });
      expect(answer.status).to.equal(400);
      expect(answer.body).to.contain('did not ask you');
    }
    corp.twist = {};
    expect(
      (await leaveFor(newBrowser(harness), harness.rp(), 'corp')).url.searchParams.has('prompt'),
    ).to.equal(false);
  });

  it('ML-44 somebody else is signed in here: both are named, and the answer still serves after the question', async () => {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    await signInByCode(harness, browser, rp, 'bert@example.com');
    const { answer } = await signIn(ADA, { prompt: 'login' }, browser);
    expect(answer.body).to.contain('bert@example.com').and.contain(ADA.email);
    const form = formsOf(answer).find(({ fields }) => fields.some(({ name }) => name === 'switch'));
    if (!form) throw new Error('nothing is asked');
    expect(callbackOf(await browser.submit(form))).to.contain('code=');
  });

  it('AC-12 ten first sign-ins of one person at once: one user', async () => {
    const eve = { ...ADA, sub: 'new-one', email: 'new.one@corp.example' };
    const all = await Promise.all(Array.from({ length: 10 }, () => signIn(eve)));
    const subs = await Promise.all(all.map(({ rp, answer }) => subOf(rp, callbackOf(answer))));
    expect(new Set(subs).size).to.equal(1);
  });

  it('AC-21 a person who was disabled is refused', async () => {
    const { rp, answer } = await signIn({ ...ADA, sub: 'out', email: 'out@corp.example' });
    const sub = await subOf(rp, callbackOf(answer));
    const app = harness.server.apps.bySlug('shop');
    if (!app) throw new Error('no app');
    await harness.server.users.disable(app, sub);
    const later = await signIn({ ...ADA, sub: 'out', email: 'out@corp.example' });
    expect(later.answer.status).to.equal(403);
  });

  it('sign-up that is closed stays closed for people of other providers', async () => {
    const apps = upstreamApps({ authoritative: true });
    const closed = await startPostern({
      apps: { shop: { ...apps.shop, sign_up: 'invited' } },
      fetch: world.fetch,
    });
    try {
      const browser = newBrowser(closed);
      const away = await leaveFor(browser, closed.rp(), 'corp');
      const answer = await finishReturn(
        browser,
        await comeBack(browser, away, corp.authorize(away.url, ADA)),
      );
      expect(answer.status).to.equal(403);
    } finally {
      await closed.close();
    }
  });

  it('no token, code or secret of the provider is kept or written down', async () => {
    const given: string[] = [];
    corp.twist = {
      tokens: (honest) => {
        given.push(String(honest.access_token), String(honest.id_token).split('.')[2] ?? '');
        return json({ ...honest, refresh_token: 'a-refresh-token-of-the-provider' });
      },
    };
    await signIn({ ...ADA, sub: 'kept', email: 'kept@corp.example' });
    const dump = (await harness.dump()) + JSON.stringify(await allEvents(harness));
    expect(given).to.have.length(2);
    for (const secret of [...given, 'a-refresh-token-of-the-provider']) expect(dump).to.not.contain(secret);
  });
});

describe('upstream: signing keys of a provider', () => {
  afterEach(restoreTime);

  it('new ones are fetched when they are first seen, once a minute at most', async () => {
    const world = new UpstreamWorld();
    const corp = world.add(new OidcServer({ issuer: ORIGIN }));
    const harness = await startPostern({ apps: upstreamApps({ authoritative: true }), fetch: world.fetch });
    const signIn = async () => {
      const browser = newBrowser(harness);
      const away = await leaveFor(browser, harness.rp(), 'corp');
      return finishReturn(browser, await comeBack(browser, away, corp.authorize(away.url, ADA)));
    };
    const asked = () => world.calls.filter((call) => call.endsWith('/jwks')).length;
    try {
      await signIn();
      corp.keys = [newSigningKey('second')];
      passTime(harness, 2 * MINUTE);
      expect(callbackOf(await signIn())).to.contain('code=');
      const count = asked();
      corp.twist = { header: { kid: 'made-up' } };
      for (let index = 0; index < 4; index += 1) expect((await signIn()).status).to.equal(400);
      // Whoever sends tokens with made-up key ids makes us ask no more often.
      expect(asked() - count).to.be.at.most(1);
    } finally {
      await harness.close();
    }
  });
});

describe('upstream: an app without it', () => {
  it('shows no button and knows no route of it', async () => {
    const clients = { web: publicClient() };
    const apps = { shop: { name: 'Shop', methods: { magic_link: {} }, clients } };
    const harness = await startPostern({ apps });
    try {
      const browser = newBrowser(harness);
      const start = await browser.visit(await harness.rp().authorizationUrl());
      expect(buttons(start)).to.deep.equal([]);
      const csrf = csrfOf(start);
      for (const step of ['upstream/corp', 'upstream-finish/x']) {
        const options = { method: 'POST', body: { csrf }, from: start.url } as const;
        const answer = await browser.tab().visit(`${start.url}/${step}`, options);
        expect(answer.status, step).to.equal(404);
      }
      expect((await browser.visit(`${start.url}/upstream-return/x`)).status).to.equal(404);
      expect((await browser.visit(`${harness.url}/shop/callback/corp?state=x`)).status).to.equal(404);
    } finally {
      await harness.close();
    }
  });
});

const buttons = (page: Answer): string[] =>
  formsOf(page).flatMap(({ action }) => /\/upstream\/([a-z0-9-]+)$/.exec(action)?.[1] ?? []);

const backOf = (page: Answer): string => {
  const path = /href="([^"]*\/interaction\/[^"]+)"/.exec(page.body)?.[1];
  if (path === undefined) throw new Error('no way back');
  return new URL(path, page.url).href;
};
