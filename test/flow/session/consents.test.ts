/** Consent over time: more is asked, somebody else pretends, it is withdrawn. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import {
  APPS,
  CALLBACK,
  callbackOf,
  type Harness,
  publicClient,
  startPostern,
} from '../../support/harness.ts';
import {
  auditOf,
  isAlive,
  login,
  loginWithTokens,
  newAddress,
  refreshWith,
  type TokenLogin,
  tokensFor,
} from '../../support/logins.ts';
import { operator } from '../../support/operator.ts';
import { type Answer, type Browser, pageOf, type RelyingParty } from '../../support/relying-party.ts';
import { formTo } from '../../support/sign-in.ts';

const SPOOFED = '\u202eelgooG\u202c Google 🔒 <b>Sign-in</b> verified by Google';

describe('consent over time', () => {
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    const partner = (more: object) => publicClient({ first_party: false, ...more });
    const clients = {
      ...APPS.shop.clients,
      other: partner({ client_name: 'Other' }),
      spoof: partner({ client_name: SPOOFED, logo_uri: 'https://evil.example/google.png' }),
    };
    const apps = { shop: { ...APPS.shop, clients } };
    harness = await startPostern({ apps, secrets: [secret] });
    postern = operator(harness, apps, secret);
  });
  after(() => harness.close());

  /** Signed in at the house first, so that only consent is left to ask. */
  const visit = async (browser: Browser, rp: RelyingParty, params = {}): Promise<Answer> =>
    browser.visit(await rp.authorizationUrl(params));
  const partnerLogin = async (
    client = 'partner',
    address = newAddress(),
    scope = 'openid email',
  ): Promise<TokenLogin> => {
    const { browser } = await login(harness, { address });
    const rp = harness.rp('shop', client, { scope });
    const callback = callbackOf(await browser.submit(formTo(await visit(browser, rp), 'consent')));
    return { browser, rp, callback, address, tokens: await tokensFor(rp, callback) };
  };

  it('OA-49 a name that pretends: shown as text with the host that is true, and nothing is loaded', async () => {
    const { browser } = await login(harness);
    const page = await visit(browser, harness.rp('shop', 'spoof'));
    formTo(page, 'consent');
    expect(pageOf(page).text).to.include('client.test');
    expect(page.body).not.to.match(/[\u202a-\u202e\u2066-\u2069]/);
    expect(page.body).not.to.include('<b>Sign-in').and.not.include('evil.example');
    expect(String(page.headers['content-security-policy'])).to.include("img-src 'self' data:");
  });

  it('more is wanted: only what is new is marked', async () => {
    const person = await partnerLogin('partner', newAddress(), 'openid');
    const more = harness.rp('shop', 'partner', { scope: 'openid email' });
    const page = await visit(person.browser, more);
    expect(pageOf(page).text).to.include('more access');
    const marked = [...page.body.matchAll(/<li>.*?<\/li>/gs)].filter(([item]) =>
      item.includes('class="tag"'),
    );
    expect(marked).to.have.length(1);
    expect(marked[0]?.[0]).to.include('email address');
    const first = await visit((await login(harness)).browser, more);
    expect(first.body).not.to.include('class="tag"');
  });

  it('prompt=consent asks again, and a refusal leaves what was allowed before', async () => {
    const person = await partnerLogin();
    const page = await visit(person.browser, person.rp, { prompt: 'consent' });
    const answer = await person.browser.submit(formTo(page, 'cancel'));
    expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('access_denied');
    expect(await isAlive(person.rp, person.tokens.access_token)).to.equal(true);
    callbackOf(await visit(person.browser, person.rp, { prompt: 'none' }));
  });

  it('offline access is told in plain words', async () => {
    const { browser } = await login(harness);
    const rp = harness.rp('shop', 'partner', { scope: 'openid offline_access' });
    const page = await visit(browser, rp, { prompt: 'consent' });
    expect(pageOf(page).text).to.include('stay connected while you are away');
  });

  it('OA-26 withdrawn: the tokens of that client and user end at once, offline access too; the next request asks', async () => {
    const address = newAddress();
    const person = await partnerLogin('partner', address);
    const offline = harness.rp('shop', 'partner', { scope: 'openid email offline_access' });
    const asked = await visit(person.browser, offline, { prompt: 'consent' });
    const kept = await tokensFor(offline, callbackOf(await person.browser.submit(formTo(asked, 'consent'))));
    const other = await partnerLogin('other', address);
    const house = await loginWithTokens(harness, { address });
    const stranger = await partnerLogin();

    const said = await postern(`consents revoke --app shop --user ${address} --client partner`);
    expect(said).to.include({ code: EXIT.ok });
    expect(said.out.join()).to.equal('partner: withdrawn, 2 logins ended');
    for (const tokens of [person.tokens, kept]) {
      expect(await isAlive(person.rp, tokens.access_token)).to.equal(false);
      expect((await refreshWith(person.rp, tokens.refresh_token)).json.error).to.equal('invalid_grant');
    }
    for (const alive of [other, house, stranger])
      expect(await isAlive(alive.rp, alive.tokens.access_token)).to.equal(true);
    const silent = await visit(person.browser, person.rp, { prompt: 'none' });
    expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('consent_required');
    formTo(await visit(person.browser, person.rp), 'consent');
    const events = (await auditOf(harness)).filter(({ type }) => type === 'consent.withdrawn');
    expect(events.at(-1)).to.include({
      clientId: 'partner',
      userId: person.tokens.claims?.sub,
      by: 'operator',
    });
  });

  it('OA-26 a code that was given before the withdrawal gives no tokens', async () => {
    const person = await partnerLogin();
    const code = callbackOf(await visit(person.browser, person.rp));
    await postern(`consents revoke --app shop --user ${person.address} --client partner`);
    const answer = await person.rp.redeem(code);
    expect(answer.json.error).to.equal('invalid_grant');
  });

  it('OA-26 authorizations and withdrawals at once: whatever was built on the old consent is worth nothing', async () => {
    const person = await partnerLogin();
    const urls = await Promise.all(Array.from({ length: 8 }, () => person.rp.authorizationUrl()));
    const [answers] = await Promise.all([
      Promise.all(urls.map((url) => person.browser.clone().visit(url))),
      postern(`consents revoke --app shop --user ${person.address} --client partner`),
    ]);
    const codes = answers.flatMap(({ next }) => (next?.startsWith(`${CALLBACK}?code=`) ? [next] : []));
    for (const code of codes) expect((await person.rp.redeem(code)).json.error).to.equal('invalid_grant');
  });

  it('withdrawn and given again: a new login works, the old tokens stay dead', async () => {
    const person = await partnerLogin();
    await postern(`consents revoke --app shop --user ${person.address}`);
    const page = await visit(person.browser, person.rp);
    const tokens = await tokensFor(
      person.rp,
      callbackOf(await person.browser.submit(formTo(page, 'consent'))),
    );
    expect(await isAlive(person.rp, tokens.access_token)).to.equal(true);
    expect(await isAlive(person.rp, person.tokens.access_token)).to.equal(false);
  });

  it('lists what is allowed, and says what is missing', async () => {
    const person = await partnerLogin();
    const listed = await postern(`consents list --app shop --user ${person.address}`);
    expect(listed.out).to.have.length(1);
    expect(listed.out[0]).to.match(/^partner {2}client\.test {2}openid, email {2}since /);
    await postern(`consents revoke --app shop --user ${person.address}`);
    expect((await postern(`consents list --app shop --user ${person.address}`)).out).to.deep.equal([]);
    expect(await postern('consents list --app shop')).to.include({ code: EXIT.usage });
    expect(await postern('consents list --app shop --user nobody@example.org')).to.include({
      code: EXIT.failed,
    });
  });
});
