import { createServer, type Server } from 'node:http';
import { expect } from 'chai';
import Koa from 'koa';
import { systemClock } from '../../src/core/clock.ts';
import { PosternError } from '../../src/core/errors.ts';
import { createDemoRouter } from '../../src/http/dev/demo.ts';
import { explain } from '../../src/http/dev/demo-problems.ts';
import { shortened } from '../../src/http/dev/demo-steps.ts';
import { freePort } from '../conformance/processes.ts';
import { Browser, formsOf, formWith, pageOf } from '../support/relying-party.ts';

describe('demonstration client', () => {
  let server: Server;
  let base: string;

  before(async () => {
    const port = await freePort();
    base = `http://localhost:${port}`;
    const koa = new Koa();
    koa.use(async (ctx, next) => {
      ctx.state.nonce = 'bm9uY2U';
      await next().catch((error: unknown) => {
        ctx.status = error instanceof PosternError ? error.status : 500;
      });
    });
    // Nothing listens on port 1: an issuer that is away.
    const apps = [
      {
        slug: 'shop',
        name: '<b>Shop</b>',
        issuer: 'http://127.0.0.1:1/shop',
        clientId: 'demo',
        partner: { clientId: 'p' },
      },
    ];
    koa.use(createDemoRouter({ baseUrl: base, apps, clock: systemClock, inboxPath: '/dev/inbox' }).routes());
    server = createServer(koa.callback());
    await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
  });
  after(() => void server.close());

  it('lists the apps, escapes their names, is neither kept nor framed', async () => {
    const browser = new Browser();
    const page = await browser.visit(`${base}/demo`);
    expect(pageOf(page).text).to.contain('Sign in to <b>Shop</b>').and.to.contain('Partner of');
    expect(page.headers['content-security-policy'])
      .to.contain("frame-ancestors 'none'")
      .and.contain("script-src 'nonce-bm9uY2U'");
    expect(page.headers['cache-control']).to.equal('no-store');
    expect(browser.jar.all()).to.have.length(1);
    expect(browser.jar.all()[0]).to.include({ isHttpOnly: true, sameSite: 'lax', path: '/demo' });
  });

  it('WB-02: a POST without the own token, with another session’s token or from another origin is refused', async () => {
    const browser = new Browser();
    const form = formWith(await browser.visit(`${base}/demo/app/shop`), 'csrf');
    const foreign = formWith(await new Browser().visit(`${base}/demo/app/shop`), 'csrf');
    const foreignToken = foreign.fields.find(({ name }) => name === 'csrf')?.value ?? '';
    for (const path of ['sign-in', 'refresh', 'userinfo', 'sign-out']) {
      const action = `${base}/demo/app/shop/${path}`;
      const post = async (body: Record<string, string>, headers: Record<string, string> = {}) =>
        (await browser.visit(action, { method: 'POST', body, headers, from: browser.url, follow: false }))
          .status;
      const csrf = form.fields.find(({ name }) => name === 'csrf')?.value ?? '';
      expect(await post({}), `${path} without token`).to.equal(403);
      expect(await post({ csrf: foreignToken }), `${path} with a foreign token`).to.equal(403);
      expect(await post({ csrf }, { origin: 'https://evil.example' }), `${path} from evil`).to.equal(403);
      expect(await post({ csrf }, { origin: 'null' }), `${path} from null`).to.equal(403);
      expect(await post({ csrf }), `${path} as meant`).to.be.oneOf([200, 303]);
    }
    expect((await browser.visit(`${base}/demo/app/shop/sign-in`)).status, 'GET').to.equal(404);
  });

  it('says in plain words that the issuer is away', async () => {
    const browser = new Browser();
    const form = formWith(await browser.visit(`${base}/demo/app/shop`), 'login_hint');
    const answer = await browser.submit(form);
    expect(answer.url).to.equal(`${base}/demo/app/shop`);
    expect(pageOf(answer).text).to.contain('could not be reached').and.contain('unreachable');
    expect(formsOf(answer)[0]?.action).to.contain('/sign-in');
  });

  it('ML-42: a callback that this browser did not begin signs nobody in', async () => {
    const browser = new Browser();
    const answer = await browser.visit(
      `${base}/demo/callback/shop?code=x&state=foreign&iss=http://127.0.0.1:1/shop`,
    );
    expect(answer.url, 'the code is gone from the address').to.equal(`${base}/demo/app/shop`);
    expect(pageOf(answer).text).to.contain('did not begin that sign-in').and.not.contain('Signed in as');
  });

  it('begins for a third party only in the name of the right issuer', async () => {
    const browser = new Browser();
    const status = async (iss: string) =>
      (await browser.visit(`${base}/demo/initiate/shop?iss=${encodeURIComponent(iss)}`)).status;
    expect(await status('https://evil.example')).to.equal(400);
    expect(await status('http://127.0.0.1:1/shop')).to.equal(200);
  });

  it('never shows a whole token', () => {
    const token = 'a'.repeat(10) + 'b'.repeat(33);
    expect(shortened(token)).to.equal('aaaaaaaa… (43 characters)');
    expect(shortened('short')).to.not.contain('short');
  });

  it('explains what the protocol reports, and what it does not know generally', () => {
    expect(explain({ error: 'access_denied', error_description: 'no' })).to.include({
      code: 'access_denied',
      description: 'no',
    });
    const challenge = new Error('x', { cause: [{ parameters: { error: 'invalid_token' } }] });
    expect(explain(challenge).text).to.contain('expired or was revoked');
    expect(explain(new Error('odd'))).to.include({ code: 'fault', description: 'odd' });
  });
});
