/** Pushed authorization requests (RFC 9126): one client, 60 seconds, one code. */
import { expect } from 'chai';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { login, newAddress, tokensFor } from '../../support/logins.ts';
import { Browser, formWith, pageOf, type RelyingParty } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { get, jsonOf, postForm } from '../../support/wire-forms.ts';

const SECRET = 'a-long-random-secret-for-tests-0123456789';
const SECOND = 1000;
const RACE = 20;

describe('pushed authorization requests', () => {
  let harness: Harness;
  let twin: Twin;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      pushing: publicClient({ require_pushed_authorization_requests: true }),
      asking: publicClient({ require_pushed_authorization_requests: true, first_party: false }),
    };
    const { studio } = APPS;
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio } });
    twin = await startTwin(harness);
  });
  afterEach(restoreTime);
  after(async () => {
    await twin.close();
    await harness.close();
  });

  const signedIn = async (client = 'web'): Promise<{ browser: Browser; rp: RelyingParty }> =>
    login(harness, { client });
  /** A sign-in page, an error page, or a callback: what an address leads a browser to. */
  const outcome = async (url: string, browser = new Browser()): Promise<string> => {
    const answer = await browser.visit(url);
    const error = answer.next === undefined ? null : new URL(answer.next).searchParams.get('error');
    if (answer.next !== undefined) return error ?? 'callback';
    return pageOf(answer).forms.some(({ fields }) => fields.some(({ name }) => name === 'email'))
      ? 'sign-in page'
      : `page ${answer.status}`;
  };

  it('OA-34 a person signs in by one, with nothing of the request in the address bar', async () => {
    const rp = harness.rp();
    const url = await rp.pushedUrl({ login_hint: 'pushed@example.org' });
    expect([...new URL(url).searchParams.keys()]).to.deep.equal(['client_id', 'request_uri']);
    const browser = new Browser();
    const page = await browser.visit(url);
    const waiting = await browser.submit(formWith(page, 'email'), { email: 'pushed@example.org' });
    const { code } = await harness.mailTo('pushed@example.org');
    const tokens = await tokensFor(rp, callbackOf(await browser.submit(formWith(waiting, 'code'), { code })));
    expect(tokens.claims?.sub).to.be.a('string');
  });

  it('RL-14 more than a browser could send to the authorization endpoint is refused, and nothing is kept', async () => {
    const login_hint = 'x'.repeat(20_000);
    const { status, json } = await harness.rp().push({ login_hint });
    expect({ status, error: json.error }).to.deep.equal({ status: 413, error: 'invalid_request' });
    const largest = await harness.rp().push({ login_hint: 'x'.repeat(14_000) });
    expect(largest.status).to.equal(201);
  });

  it('OA-34 the answer is 201 with 60 seconds at most, and is not cached', async () => {
    const { status, json, headers } = await harness.rp().push();
    expect(status).to.equal(201);
    expect(json.request_uri).to.match(/^urn:ietf:params:oauth:request_uri:[\w-]{20,}$/);
    expect(json.expires_in).to.be.within(5, 60);
    expect(headers['cache-control']).to.equal('no-store');
  });

  it('OA-34 it gives one code: opened again afterwards it is refused', async () => {
    const { browser, rp } = await signedIn();
    const url = await rp.pushedUrl();
    expect(await outcome(url, browser)).to.equal('callback');
    expect(await outcome(url, browser)).to.equal('page 400');
    expect(await outcome(url)).to.equal('page 400');
  });

  it(`OA-34 of ${RACE} browsers that open it at once on two servers one gets a code`, async () => {
    const { browser, rp } = await signedIn();
    const url = await rp.pushedUrl();
    const tabs = Array.from({ length: RACE }, (_, index) =>
      index % 2 === 0 ? browser.clone() : new Browser({ route: twin.route }, browser.jar.clone()),
    );
    const outcomes = await Promise.all(tabs.map((tab) => outcome(url, tab)));
    expect(outcomes.filter((one) => one === 'callback')).to.have.length(1);
    expect(
      outcomes.filter((one) => one === 'callback' || /page 400|invalid_request_uri/.test(one)),
    ).to.have.length(RACE);
  });

  it('OA-34 the page may be loaded again while the person is at it, and still one of the two gets a code', async () => {
    const rp = harness.rp();
    const url = await rp.pushedUrl();
    const [one, two] = [new Browser(), new Browser()];
    expect(await outcome(url, one)).to.equal('sign-in page');
    expect(await outcome(url, two)).to.equal('sign-in page');
    const address = newAddress();
    const finish = async (browser: Browser) => {
      const waiting = await browser.submit(formWith(await browser.visit(browser.url), 'email'), {
        email: address,
      });
      // The request_uri is long over when the mail is read.
      passTime(harness, 61 * SECOND);
      const { code } = await harness.mailTo(address);
      return browser.submit(formWith(waiting, 'code'), { code });
    };
    expect(new URL(callbackOf(await finish(one))).searchParams.get('code')).to.be.a('string');
    const late = new URL(callbackOf(await finish(two)));
    expect(late.searchParams.get('error')).to.equal('invalid_request_uri');
    expect(late.searchParams.get('code')).to.equal(null);
  });

  it('OA-34 after 60 seconds it is refused', async () => {
    const { browser, rp } = await signedIn();
    const url = await rp.pushedUrl();
    passTime(harness, 50 * SECOND);
    expect(await outcome(url, new Browser())).to.equal('sign-in page');
    passTime(harness, 11 * SECOND);
    expect(await outcome(url, browser)).to.equal('page 400');
  });

  it('OA-34 another client cannot use it, and burns nothing', async () => {
    const { browser, rp } = await signedIn();
    const url = new URL(await rp.pushedUrl());
    const foreign = new URL(url);
    foreign.searchParams.set('client_id', 'bare');
    expect(await outcome(foreign.href, browser)).to.equal('page 400');
    foreign.searchParams.set('redirect_uri', rp.options.redirectUri);
    expect(await outcome(foreign.href, browser)).not.to.equal('callback');
    expect(await outcome(url.href, browser)).to.equal('callback');
  });

  it('MT-01 OA-34 another app knows nothing of it', async () => {
    const url = new URL(await harness.rp().pushedUrl());
    url.pathname = '/studio/auth';
    expect(await outcome(url.href)).to.equal('page 400');
  });

  it('OA-34 what stands beside it in the address counts for nothing', async () => {
    const { browser, rp } = await signedIn();
    const url = new URL(await rp.pushedUrl({ scope: 'openid' }));
    url.searchParams.set('scope', 'openid email offline_access');
    url.searchParams.set('redirect_uri', 'https://evil.example/');
    const answer = await browser.visit(url.href);
    const { tokens } = { tokens: await rp.exchange(callbackOf(answer)) };
    expect(tokens.scope).to.equal('openid');
  });

  for (const [name, params, more, error] of [
    [
      'a request_uri inside',
      {},
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      'request_uri_not_supported',
    ],
    ['a request object', {}, { request: 'a.b.c' }, 'request_not_supported'],
    ['a foreign redirect URI', { redirect_uri: 'https://evil.example/' }, {}, 'invalid_request'],
    ['no redirect URI', { redirect_uri: undefined }, {}, 'invalid_request'],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, {}, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, {}, 'invalid_request'],
    ['another response type', { response_type: 'token' }, {}, 'unsupported_response_type'],
    ['another response mode', { response_mode: 'fragment' }, {}, 'invalid_request'],
    ['an unknown prompt', { prompt: 'x' }, {}, 'invalid_request'],
  ] as const) {
    it(`OA-34 ${name} is refused with ${error}`, async () => {
      const { status, json } = await harness.rp().push(params, more);
      expect(json.error, JSON.stringify(json)).to.equal(error);
      expect(status).to.equal(400);
      expect(json.request_uri).to.equal(undefined);
    });
  }

  it('OA-17 each parameter pushed twice is refused', async () => {
    const rp = harness.rp();
    const { searchParams } = new URL(await rp.authorizationUrl());
    const url = String((await rp.metadata()).pushed_authorization_request_endpoint);
    for (const [name, value] of searchParams) {
      const doubled = new URLSearchParams(searchParams);
      doubled.append(name, value);
      const reply = await postForm(url, doubled.toString());
      expect(jsonOf(reply).error, name).to.equal('invalid_request');
      expect(reply.status).to.equal(400);
    }
  });

  it('OA-18 OA-34 a client with a secret has to prove it', async () => {
    const rp = harness.rp('shop', 'secretive');
    expect(await rp.push()).to.deep.include({ status: 401 });
    const wrong = harness.rp('shop', 'secretive', { clientSecret: `${SECRET}x` });
    const answer = await wrong.push();
    expect([answer.status, answer.json.error]).to.deep.equal([401, 'invalid_client']);
    expect(answer.headers['www-authenticate']).to.match(/^Basic /);
    expect((await harness.rp('shop', 'secretive', { clientSecret: SECRET }).push()).status).to.equal(201);
  });

  it('OA-47 only by POST', async () => {
    expect((await get(`${harness.url}/shop/request`)).status).to.be.oneOf([404, 405]);
  });

  it('OA-34 a client that has to push is refused otherwise', async () => {
    const rp = harness.rp('shop', 'pushing');
    const answer = await new Browser().visit(await rp.authorizationUrl());
    const callback = new URL(callbackOf(answer));
    expect(callback.searchParams.get('error')).to.equal('invalid_request');
    const done = await signInByCode(
      harness,
      new Browser(),
      Object.assign(Object.create(rp), { authorizationUrl: () => rp.pushedUrl() }),
      newAddress(),
    );
    expect(new URL(callbackOf(done)).searchParams.get('code')).to.be.a('string');
  });

  it('OA-34 an id that was never given out is refused', async () => {
    const rp = harness.rp();
    for (const uri of [
      'urn:ietf:params:oauth:request_uri:nothing',
      'urn:ietf:params:oauth:request_uri:',
      'https://evil.example/r',
    ]) {
      expect(await outcome(await rp.requestUriUrl(uri)), uri).to.equal('page 400');
    }
  });

  it('design §2 a request that has to begin anew keeps its request_uri, and still gives one code', async () => {
    const rp = harness.rp('shop', 'asking');
    const { browser } = await login(harness);
    const page = await browser.visit(await rp.pushedUrl());
    const consent = formWith(page, 'csrf');
    // Long after the 60 seconds somebody else signs in here, who was never asked.
    passTime(harness, 61 * SECOND);
    const tab = browser.tab();
    await tab.submit(formWith(await tab.visit(await harness.rp().logoutUrl()), 'xsrf'), { logout: 'yes' });
    await login(harness, { browser: tab });
    const asked = await browser.submit(consent);
    expect(asked.hops.some(({ url }) => url.includes('request_uri='))).to.equal(true);
    const done = await browser.submit(formWith(asked, 'csrf'));
    expect(new URL(callbackOf(done)).searchParams.get('code')).to.be.a('string');
  });
});
