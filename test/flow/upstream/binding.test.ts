import { expect } from 'chai';
import { MINUTE } from '../../../src/core/clock.ts';
import { callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import type { Answer } from '../../support/relying-party.ts';
import { allEvents, newBrowser, subOf } from '../../support/sign-in.ts';
import { OidcServer, UpstreamWorld } from '../../support/upstream-server.ts';
import { type Away, comeBack, finishReturn, leaveFor } from '../../support/upstream-visit.ts';
import { upstreamApps } from './apps.ts';

const ADA = { sub: 'ada', email: 'ada@corp.example', email_verified: true };
const OTHER = {
  issuer: 'https://login.other.example',
  label: 'Other',
  client_id: 'postern',
  client_secret: 'secret',
};

describe('upstream: whose answer it is', () => {
  const world = new UpstreamWorld();
  const corp = world.add(new OidcServer({ issuer: 'https://login.corp.example' }));
  const other = world.add(
    new OidcServer({
      issuer: 'https://login.other.example',
      metadata: { authorization_response_iss_parameter_supported: true },
    }),
  );
  let harness: Harness;

  before(async () => {
    const apps = upstreamApps({ authoritative: true }, { other: { ...OTHER, authoritative: true } });
    harness = await startPostern({ apps, fetch: world.fetch });
  });
  after(() => harness.close());

  async function away(provider = 'corp') {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    return { browser, rp, away: await leaveFor(browser, rp, provider) };
  }

  function isRefused(answer: Answer): void {
    expect(answer.status).to.be.oneOf([400, 404, 405]);
    expect(answer.next).to.equal(undefined);
    expect(answer.body).to.not.contain('upstream-finish');
  }
  const at = (from: Away, change: (address: string) => string): Away => ({
    ...from,
    callback: change(from.callback),
  });
  const calls = (): number => world.calls.filter((call) => call.startsWith('POST')).length;

  it('AC-08 in another browser: refused, spends nothing, and the browser that began still can', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    const before = calls();
    for (const stranger of [newBrowser(harness), (await away()).browser])
      isRefused(await comeBack(stranger, began.away, params));
    expect(calls()).to.equal(before);
    const back = await comeBack(began.browser, began.away, params);
    expect(callbackOf(await finishReturn(began.browser, back))).to.contain('code=');
  });

  it('AC-08 login CSRF: an attacker’s answer in the browser of somebody who has begun too: refused', async () => {
    const [victim, attacker] = [await away(), await away()];
    const params = corp.authorize(attacker.away.url, { ...ADA, sub: 'eve' });
    isRefused(await comeBack(victim.browser, attacker.away, params));
  });

  it('AC-08 OA-50 at the callback of another provider: refused, and its code is sent nowhere', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    const before = calls();
    isRefused(
      await comeBack(
        began.browser,
        at(began.away, (url) => url.replace(/corp$/, 'other')),
        params,
      ),
    );
    expect(calls()).to.equal(before);
  });

  it('AC-08 at the callback of another app: refused', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    isRefused(
      await comeBack(
        began.browser,
        at(began.away, (url) => url.replace('/shop/', '/studio/')),
        params,
      ),
    );
  });

  it('AC-08 twice: the second is refused', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    const back = await comeBack(began.browser, began.away, params);
    isRefused(await comeBack(began.browser, began.away, params));
    expect(callbackOf(await finishReturn(began.browser, back))).to.contain('code=');
    isRefused(await comeBack(began.browser, began.away, params));
  });

  it('AC-08 ten at once: one goes on', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => comeBack(began.browser.clone(), began.away, params)),
    );
    expect(answers.filter(({ body }) => body.includes('upstream-finish'))).to.have.length(1);
  });

  it('AC-08 the page of the return sent ten times at once: the code is redeemed once, one person is signed in', async () => {
    const began = await away();
    const back = await comeBack(began.browser, began.away, corp.authorize(began.away.url, ADA));
    const before = calls();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => finishReturn(began.browser.clone(), back)),
    );
    expect(calls()).to.equal(before + 1);
    expect(answers.filter(({ next }) => next?.includes('code=')).length).to.be.greaterThan(0);
    const subs = answers.flatMap(({ next }) => (next?.includes('code=') ? [next] : []));
    expect(await subOf(began.rp, subs[0] ?? '')).to.be.a('string');
  });

  it('AC-08 the page of the return in another interaction of the same browser: refused', async () => {
    const began = await away();
    const second = await leaveFor(began.browser, harness.rp(), 'corp');
    const back = await comeBack(began.browser, began.away, corp.authorize(began.away.url, ADA));
    const visit = /upstream-finish\/([\w-]+)/.exec(back.body)?.[1] ?? '';
    const form = (await began.browser.visit(second.start.url)).body;
    const csrf = /name="csrf" value="([^"]+)"/.exec(form)?.[1] ?? '';
    const target = `${second.start.url}/upstream-finish/${visit}`;
    const answer = await began.browser.visit(target, {
      method: 'POST',
      body: { csrf },
      from: second.start.url,
    });
    isRefused(answer);
  });

  it('AC-08 after ten minutes: refused', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    harness.clock.move(10 * MINUTE);
    isRefused(await comeBack(began.browser, began.away, params));
    harness.clock.move(-10 * MINUTE);
  });

  it('AC-08 without any state, or one that was made up: refused', async () => {
    const began = await away();
    for (const state of ['', 'x', 'A'.repeat(43)]) {
      const answer = state === '' ? { code: 'c' } : { code: 'c', state };
      isRefused(await comeBack(began.browser, began.away, new URLSearchParams(answer)));
    }
  });

  it('AC-08 the wrong iss, or none where the provider promises one (RFC 9207): refused, the code is sent nowhere', async () => {
    for (const iss of ['https://login.corp.example', undefined]) {
      const began = await away('other');
      const params = other.authorize(began.away.url, ADA);
      if (iss === undefined) params.delete('iss');
      else params.set('iss', iss);
      const before = calls();
      const answer = await finishReturn(began.browser, await comeBack(began.browser, began.away, params));
      isRefused(answer);
      expect(calls()).to.equal(before);
    }
  });

  it('AC-08 a code of another visit put into this one (PKCE): refused', async () => {
    const [victim, attacker] = [await away(), await away()];
    const stolen = corp.authorize(victim.away.url, ADA).get('code') ?? '';
    const params = corp.authorize(attacker.away.url, { ...ADA, sub: 'eve' });
    params.set('code', stolen);
    isRefused(await finishReturn(attacker.browser, await comeBack(attacker.browser, attacker.away, params)));
  });

  it('ML-10 HEAD is refused and spends nothing; a POST to a callback that is asked by GET too', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, ADA);
    const target = `${began.away.callback}?${params}`;
    expect((await began.browser.visit(target, { method: 'HEAD' })).status).to.equal(405);
    const posted = await began.browser.visit(began.away.callback, {
      method: 'POST',
      body: params,
      from: target,
    });
    expect(posted.status).to.equal(405);
    const back = await comeBack(began.browser, began.away, params);
    expect(callbackOf(await finishReturn(began.browser, back))).to.contain('code=');
  });

  it('AC-06 the same subject at another provider is somebody else', async () => {
    const one = await away();
    const back = await comeBack(one.browser, one.away, corp.authorize(one.away.url, { ...ADA, sub: 'twin' }));
    const first = await subOf(one.rp, callbackOf(await finishReturn(one.browser, back)));
    const two = await away('other');
    const person = { sub: 'twin', email: 'eve@other.example', email_verified: true };
    const there = await comeBack(two.browser, two.away, other.authorize(two.away.url, person));
    expect(await subOf(two.rp, callbackOf(await finishReturn(two.browser, there)))).to.not.equal(first);
  });

  it('AC-08 what was refused is written down by its reason', async () => {
    const reasons = (await allEvents(harness)).flatMap((event) =>
      event.type === 'upstream.refused' ? [event.reason] : [],
    );
    expect(reasons).to.include.members(['bad_answer', 'other_browser', 'other_provider']);
  });

  it('nothing that the database holds tells state, nonce, verifier or code', async () => {
    const began = await away();
    const params = corp.authorize(began.away.url, {
      ...ADA,
      sub: 'subject-to-find',
      email: 'find.me@corp.example',
    });
    await comeBack(began.browser, began.away, params);
    const dump = await harness.dump();
    const { searchParams } = began.away.url;
    for (const secret of [params.get('code'), params.get('state'), searchParams.get('nonce')])
      expect(dump).to.not.contain(secret ?? 'missing');
  });
});

describe('upstream: a provider that is switched off', () => {
  it('AC-10 while somebody is there: the callback is unknown, and what came back before is not redeemed', async () => {
    const world = new UpstreamWorld();
    const corp = world.add(new OidcServer({ issuer: 'https://login.corp.example' }));
    const both = upstreamApps({ authoritative: true }, { other: OTHER });
    const harness = await startPostern({ apps: both, fetch: world.fetch });
    try {
      const { providers } = harness.server.apps.bySlug('shop')?.settings.methods.upstream ?? {};
      if (!providers) throw new Error('no providers');
      const [first, second] = [newBrowser(harness), newBrowser(harness)];
      const [one, two] = [
        await leaveFor(first, harness.rp(), 'corp'),
        await leaveFor(second, harness.rp(), 'corp'),
      ];
      const back = await comeBack(first, one, corp.authorize(one.url, ADA));
      // What a reload of the configuration does.
      Reflect.deleteProperty(providers, 'corp');
      expect((await comeBack(second, two, corp.authorize(two.url, ADA))).status).to.equal(404);
      const before = world.calls.length;
      expect((await finishReturn(first, back)).status).to.equal(400);
      expect(world.calls).to.have.length(before);
    } finally {
      await harness.close();
    }
  });
});
