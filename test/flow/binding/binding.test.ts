import { expect } from 'chai';
import {
  APPS,
  ask,
  CALLBACK,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { type Answer, Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';

/** What a page of a sibling host can do: set a cookie that is only `__Secure-`, for a path of its choice. */
function plant(from: Browser, to: Browser, kind: RegExp, url: string): void {
  const lines = from.jar.named(kind).map(({ name, value, path }) => `${name}=${value}; Path=${path}`);
  expect(lines).not.to.deep.equal([]);
  to.jar.take(lines, new URL(url));
}

describe('what belongs to which browser', () => {
  let postern: Harness;

  before(async () => {
    postern = await startPostern({
      apps: {
        ...APPS,
        linkonly: {
          name: 'Link only',
          methods: { magic_link: { code: false } },
          clients: { web: publicClient({ client_uri: 'http://client.test/' }) },
        },
      },
    });
  });

  after(() => postern.close());

  it('ML-40, ML-43: a planted request does not hand its starter what the owner of the mailbox proves', async () => {
    const rp = postern.rp();
    const [attacker, victim] = [new Browser(), new Browser()];
    const page = await attacker.visit(await rp.authorizationUrl());
    plant(attacker, victim, /^interaction-/, postern.url);
    const genuine = await victim.visit(page.url);
    await victim.submit(formWith(genuine, 'email'), { email: 'planted@example.org' });
    await redeemLink(victim, await postern.mailTo('planted@example.org'));
    const seen = await attacker.visit(page.url);
    expect(seen.next).to.equal(undefined);
    const resumed = await attacker.visit(page.url.replace('/interaction/', '/auth/'));
    expect(resumed.next).to.equal(undefined);
    expect(attacker.jar.named(/^session-/)).to.deep.equal([]);
  });

  it('ML-42: a planted, proved request signs nobody in as its starter', async () => {
    const [mallory, victim] = [new Browser(), new Browser()];
    const waiting = await ask(mallory, postern.rp(), 'mallory@example.org');
    const { code } = await postern.mailTo('mallory@example.org');
    await mallory.submit(formWith(waiting, 'code'), { code }, { refresh: false });
    plant(mallory, victim, /^(resume|interaction)-/, postern.url);
    const uid = /interaction\/([^/]+)/.exec(waiting.url)?.[1] ?? '';
    const resumed = await victim.visit(`${postern.url}/shop/auth/${uid}`);
    expect(resumed.next).to.equal(undefined);
    expect(victim.jar.named(/^session-/)).to.deep.equal([]);
  });

  it('ML-46: consent counts for the person who was asked; another who signed in since is asked anew', async () => {
    const browser = new Browser();
    await signInByCode(postern, browser, postern.rp(), 'alice@example.org');
    const partner = postern.rp('shop', 'partner');
    const asked = await browser.visit(await partner.authorizationUrl());
    const accept = formsOf(asked).find(({ action }) => action.endsWith('/consent'));
    if (!accept) throw new Error('no consent form');
    const tab = browser.tab();
    const waiting = await ask(tab, postern.rp(), 'bob@example.org', { prompt: 'login' });
    const { code } = await postern.mailTo('bob@example.org');
    const question = await tab.submit(formWith(waiting, 'code'), { code });
    await tab.submit(formWith(question, 'switch'), {});
    const answer = await browser.submit(accept, {});
    expect(answer.next).to.equal(undefined);
    expect(pageOf(answer).text).to.contain('bob@example.org');
  });

  it('two first forms sent at once make one browser, one challenge, one mail that works', async () => {
    const browser = new Browser();
    const page = await browser.visit(await postern.rp().authorizationUrl());
    const form = formWith(page, 'email');
    const tabs = [browser.clone(), browser.clone()];
    await Promise.all(
      tabs.map((tab) => tab.submit(form, { email: 'double@example.org' }, { from: page.url })),
    );
    expect(postern.mails().filter(({ mail }) => mail.to === 'double@example.org').length).to.be.at.most(1);
    const mail = await postern.mailTo('double@example.org');
    const [, last] = tabs;
    if (!last) throw new Error('no tab');
    expect(callbackOf(await redeemLink(last, mail))).to.contain('code=');
  });

  it('RL-07: after a lost reply the same browser repeats the code and goes on', async () => {
    const browser = new Browser();
    const waiting = await ask(browser, postern.rp(), 'lost@example.org');
    const { code } = await postern.mailTo('lost@example.org');
    const again = browser.clone();
    await browser.submit(formWith(waiting, 'code'), { code }, { refresh: false });
    const repeated = await again.submit(formWith(waiting, 'code'), { code }, { from: waiting.url });
    expect(callbackOf(repeated)).to.contain('code=');
    const app = postern.server.apps.bySlug('shop');
    if (!app) throw new Error('no app');
    const events = await postern.server.audit.list(app.id, { limit: 1000 });
    const mine = events.filter((event) => event.type === 'sign_in.succeeded');
    expect(new Set(mine.map(({ id }) => id)).size).to.equal(mine.length);
  });

  for (const when of ['before the link', 'after the link'] as const) {
    it(`ML-48: the session ends ${when}: the request goes on, never a raw error`, async () => {
      const browser = new Browser();
      const rp = postern.rp();
      const address = `ended-${when.slice(0, 5)}@example.org`;
      await signInByCode(postern, browser, rp, address);
      const waiting = await ask(browser, rp, address, { prompt: 'login' });
      postern.clock.move(31_000);
      const { code } = await postern.mailTo(address);
      if (when === 'before the link') browser.jar.forget(/^session-/);
      const proved = await browser.submit(formWith(waiting, 'code'), { code }, { refresh: false });
      if (when === 'after the link') browser.jar.forget(/^session-/);
      const uid = /interaction\/([^/]+)/.exec(proved.url)?.[1] ?? '';
      const end: Answer = await browser.visit(`${postern.url}/shop/auth/${uid}`);
      const isDone = end.next?.startsWith(CALLBACK) === true;
      const isAskedAgain = formsOf(end).some(({ fields }) => fields.some(({ name }) => name === 'email'));
      expect(isDone || isAskedAgain, `${end.status} ${pageOf(end).text.slice(0, 200)}`).to.equal(true);
    });
  }

  it('ML-41: with code entry off no code is accepted, neither here nor elsewhere', async () => {
    const rp = postern.rp('linkonly');
    const browser = new Browser();
    const waiting = await ask(browser, rp, 'nocode@example.org');
    const mail = await postern.mailTo('nocode@example.org');
    expect(mail.code).to.equal('');
    const csrf = formWith(waiting, 'csrf').fields.find(({ name }) => name === 'csrf')?.value ?? '';
    const redeem = waiting.url.replace(/begin$/, 'redeem');
    const body = { csrf, code: '12345678' };
    const typed = await browser.visit(redeem, { method: 'POST', body, from: waiting.url });
    expect(typed.status).to.equal(429);
    expect(callbackOf(await redeemLink(browser, mail))).to.contain('code=');
  });

  it('after "continue on this device" the first browser can ask for a new mail', async () => {
    const [first, phone] = [new Browser(), new Browser()];
    await ask(first, postern.rp(), 'again@example.org');
    const mail = await postern.mailTo('again@example.org');
    const landing = await phone.visit(mail.link.split('#')[0] ?? '');
    await phone.submit(formWith(landing, 'code'), { code: mail.code }, { refresh: false });
    postern.clock.move(31_000);
    const used = await first.visit(mail.link.split('#')[0] ?? '');
    expect(used.status).to.equal(410);
    const before = postern.mails().length;
    const page = await first.visit(await postern.rp().authorizationUrl());
    await first.submit(formWith(page, 'email'), { email: 'again@example.org' });
    await postern.server.jobs.runDue();
    expect(postern.mails().length).to.equal(before + 1);
  });

  it('one request asks for thirty mails at most, and is told so', async () => {
    const browser = new Browser();
    const page = await browser.visit(await postern.rp().authorizationUrl());
    const form = formWith(page, 'email');
    const statuses: number[] = [];
    for (let at = 0; at < 31; at += 1) {
      const answer = await browser.submit(form, { email: `many${at}@example.org` }, { from: page.url });
      statuses.push(answer.status);
    }
    expect(statuses.filter((status) => status === 200).length).to.equal(30);
    expect(statuses[30]).to.equal(429);
  });

  it('OA-20, sign-out: no code of an authorization under way outlives it', async () => {
    for (let round = 0; round < 6; round += 1) {
      const browser = new Browser();
      const rp = postern.rp();
      await signInByCode(postern, browser, rp, `race${round}@example.org`);
      const out = await browser.visit(`${postern.url}/shop/session/end`);
      const form = formsOf(out).find(({ fields }) => fields.some(({ name }) => name === 'xsrf'));
      const xsrf = form?.fields.find(({ name }) => name === 'xsrf')?.value ?? '';
      const url = await rp.authorizationUrl();
      const [silent] = await Promise.all([
        browser.clone().visit(url),
        browser.visit(form?.action ?? '', { method: 'POST', body: { xsrf, logout: 'yes' }, from: out.url }),
      ]);
      if (!silent.next?.includes('code=')) continue;
      expect((await rp.redeem(silent.next)).status).to.equal(400);
    }
  });

  it('an own host: pages, files and health beside an issuer that is a bare origin; cookies as WB-01 asks', async () => {
    const route = new URL(postern.url);
    const own = await startPostern({
      apps: {
        shop: {
          name: 'Shop',
          issuer: 'https://auth.shop.example',
          clients: {
            web: { redirect_uris: ['https://shop.example/cb'], token_endpoint_auth_method: 'none' },
          },
        },
      },
    });
    try {
      const { port } = new URL(own.url);
      const { default: http } = await import('node:http');
      const get = (
        path: string,
        cookie = '',
      ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> =>
        new Promise((resolve, reject) => {
          const headers = { host: 'auth.shop.example', cookie };
          const request = http.get({ host: route.hostname, port, path, headers }, (res) => {
            let body = '';
            res.setEncoding('utf8').on('data', (chunk) => {
              body += chunk;
            });
            res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
          });
          request.on('error', reject);
        });
      const query = new URLSearchParams({
        client_id: 'web',
        response_type: 'code',
        redirect_uri: 'https://shop.example/cb',
        scope: 'openid',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      });
      const start = await get(`/auth?${query}`);
      expect(start.status).to.equal(303);
      const given = [start.headers['set-cookie'] ?? []].flat();
      const page = await get(
        new URL(String(start.headers.location)).pathname,
        given.map((line) => line.split(';')[0]).join('; '),
      );
      expect(page.status).to.equal(200);
      for (const line of [...given, ...[page.headers['set-cookie'] ?? []].flat()]) {
        expect(line).to.match(/^__(Host|Secure)-/);
        expect(line.toLowerCase())
          .to.contain('secure')
          .and.to.contain('httponly')
          .and.to.contain('samesite=lax');
      }
      const file = /\/public\/[^"]+\.css/.exec(page.body)?.[0] ?? '';
      expect((await get(file)).status).to.equal(200);
      expect((await get('/health/live')).status).to.equal(200);
      expect(page.headers['strict-transport-security']).to.match(/max-age=\d{8}/);
    } finally {
      await own.close();
    }
  });
});
