/** The authorization request: who may ask for what, and where an answer may go. */
import { expect } from 'chai';
import {
  APPS,
  CALLBACK,
  callbackOf,
  type Harness,
  publicClient,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { again, login, newAddress } from '../../support/logins.ts';
import { type Answer, Browser, formWith, pageOf, type RelyingParty } from '../../support/relying-party.ts';

const OK = 'https://ok.example/cb/one?a=b';
const REDIRECT_VARIANTS = [
  'https://OK.example/cb/one?a=b',
  'HTTPS://ok.example/cb/one?a=b',
  'http://ok.example/cb/one?a=b',
  'https://ok.example:443/cb/one?a=b',
  'https://ok.example:8443/cb/one?a=b',
  'https://ok.example/cb/one/?a=b',
  'https://ok.example/cb/one',
  'https://ok.example/cb/one?a=b&c=d',
  'https://ok.example/cb/one?c=d&a=b',
  'https://ok.example/cb/one?a=b#',
  'https://ok.example/cb/one?a=b#fragment',
  'https://ok.example@evil.example/cb/one?a=b',
  'https://user@ok.example/cb/one?a=b',
  'https://ok.example.evil.example/cb/one?a=b',
  'https://evil-ok.example/cb/one?a=b',
  'https://sub.ok.example/cb/one?a=b',
  'https://ok.example./cb/one?a=b',
  'https://ok.example/cb%2Fone?a=b',
  'https://ok.example/%63b/one?a=b',
  'https://ok.example/cb/x/../one?a=b',
  'https://ok.example/cb/./one?a=b',
  'https://ok.example/cb//one?a=b',
  'https://ok.example\\cb\\one?a=b',
  'https://ok.example/cb/\tone?a=b',
  'https://ok.example/cb/one?a=b ',
  ' https://ok.example/cb/one?a=b',
  'https://оk.example/cb/one?a=b',
  'https://ok.example/CB/one?a=b',
  '//ok.example/cb/one?a=b',
  'javascript:alert(1)//https://ok.example/cb/one?a=b',
  'data:text/html,hello',
];

/** Where the page may offer a way back to: the registered origins of the clients here. */
const HOMES = ['http://client.test', 'https://ok.example', 'http://127.0.0.1'];

/** No answer leads to a foreign place: an error page of ours, whose only ways on are the client's home and ourselves. */
function isOwnErrorPage(answer: Answer, harness: Harness): void {
  expect(answer.status, answer.body.slice(0, 200)).to.equal(400);
  expect(answer.next).to.equal(undefined);
  expect(answer.headers.location).to.equal(undefined);
  expect(answer.headers['content-type']).to.match(/^text\/html/);
  for (const { url } of pageOf(answer).links) {
    expect(new URL(url).origin).to.be.oneOf([harness.url, ...HOMES]);
  }
}

describe('authorization request', () => {
  let harness: Harness;
  let rp: RelyingParty;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      exact: publicClient({ redirect_uris: [OK, 'https://ok.example/cb/two'] }),
      single: publicClient({ redirect_uris: [OK] }),
      native: publicClient({
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'com.example.app:/cb'],
      }),
      loopweb: publicClient({ redirect_uris: ['http://127.0.0.1/cb'] }),
      shouting: publicClient({ redirect_uris: ['https://client.test/form'] }),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
    rp = harness.rp();
  });
  after(() => harness.close());

  const visit = async (params: object, client = 'web'): Promise<Answer> =>
    new Browser().visit(await harness.rp('shop', client).authorizationUrl({ ...params }));
  /** Error that was sent to the callback, undefined when it was not sent there. */
  const errorIn = (answer: Answer): string | undefined =>
    new URL(callbackOf(answer)).searchParams.get('error') ?? undefined;

  describe('OA-01 redirect URIs are compared exactly', () => {
    it('the registered one is taken', async () => {
      const answer = await visit({ redirect_uri: OK }, 'exact');
      expect(answer.status).to.equal(200);
      formWith(answer, 'email');
    });

    for (const redirect_uri of REDIRECT_VARIANTS) {
      it(`OA-01 ${JSON.stringify(redirect_uri)} is not`, async () => {
        isOwnErrorPage(await visit({ redirect_uri }, 'exact'), harness);
      });
    }

    for (const client of ['exact', 'single']) {
      it(`OA-01 none at all is not, for the client ${client}`, async () => {
        isOwnErrorPage(await visit({ redirect_uri: undefined }, client), harness);
      });
    }
  });

  describe('OA-02 loopback ports', () => {
    for (const [client, uri, isTaken] of [
      ['native', 'http://127.0.0.1/cb', true],
      ['native', 'http://127.0.0.1:51004/cb', true],
      ['native', 'http://127.0.0.1:1/cb', true],
      ['native', 'http://[::1]:51004/cb', true],
      ['native', 'com.example.app:/cb', true],
      ['native', 'http://localhost:51004/cb', false],
      ['native', 'https://127.0.0.1:51004/cb', false],
      ['native', 'http://127.0.0.2:51004/cb', false],
      ['native', 'http://127.0.0.1:51004/other', false],
      ['native', 'http://127.0.0.1:51004/cb?x=1', false],
      ['native', 'http://127.0.0.1:51004@evil.example/cb', false],
      ['native', 'com.example.app.evil:/cb', false],
      ['loopweb', 'http://127.0.0.1/cb', true],
      ['loopweb', 'http://127.0.0.1:51004/cb', false],
    ] as const) {
      it(`OA-02 ${client}: ${uri} is ${isTaken ? 'taken' : 'refused'}`, async () => {
        const answer = await visit({ redirect_uri: uri }, client);
        if (isTaken) expect(answer.status).to.equal(200);
        else isOwnErrorPage(answer, harness);
      });
    }
  });

  describe('OA-03 an error goes nowhere that was not validated', () => {
    for (const [name, params] of [
      ['unknown client', { client_id: 'nobody' }],
      ['no client', { client_id: undefined }],
      ['bad redirect URI', { redirect_uri: 'https://evil.example/' }],
      ['unknown client and bad redirect URI', { client_id: 'nobody', redirect_uri: 'https://evil.example/' }],
      [
        'bad redirect URI and no response type',
        { redirect_uri: 'https://evil.example/', response_type: undefined },
      ],
      ['bad redirect URI and prompt=none', { redirect_uri: 'https://evil.example/', prompt: 'none' }],
      [
        'bad redirect URI and form_post',
        { redirect_uri: 'https://evil.example/', response_mode: 'form_post' },
      ],
      ['unknown client and no response type', { client_id: 'nobody', response_type: undefined }],
    ] as const) {
      it(`OA-03 ${name}`, async () => {
        const answer = await visit(params);
        isOwnErrorPage(answer, harness);
        expect(answer.body).not.to.include('evil.example');
      });
    }
  });

  describe('OA-04 PKCE with S256, for every client', () => {
    for (const [name, params] of [
      ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
      ['a method without a challenge', { code_challenge: undefined }],
      ['plain', { code_challenge: 'a'.repeat(43), code_challenge_method: 'plain' }],
      ['no method, which would mean plain', { code_challenge_method: undefined }],
      ['an unknown method', { code_challenge_method: 'S512' }],
      ['a challenge of 42 characters', { code_challenge: 'a'.repeat(42) }],
      ['a challenge of 129 characters', { code_challenge: 'a'.repeat(129) }],
      ['a challenge with foreign signs', { code_challenge: `${'a'.repeat(42)}+` }],
    ] as const) {
      for (const client of ['web', 'secretive']) {
        it(`OA-04 ${client}: ${name} is refused`, async () => {
          expect(errorIn(await visit(params, client))).to.equal('invalid_request');
        });
      }
    }

    it('OA-05 a client with a secret cannot do without it either: no code is given without a challenge', async () => {
      const { browser } = await login(harness);
      const url = await harness
        .rp('shop', 'secretive')
        .authorizationUrl({ code_challenge: undefined, code_challenge_method: undefined });
      const callback = new URL(callbackOf(await browser.visit(url)));
      expect(callback.searchParams.get('error')).to.equal('invalid_request');
      expect(callback.searchParams.has('code')).to.equal(false);
    });
  });

  describe('OA-11 the answer names its issuer (RFC 9207)', () => {
    it('OA-11 by query, with code, state and nothing else', async () => {
      const { callback } = await login(harness);
      const { searchParams } = new URL(callback);
      expect(searchParams.get('iss')).to.equal(`${harness.url}/shop`);
      expect([...searchParams.keys()].sort()).to.deep.equal(['code', 'iss', 'state']);
    });

    it('OA-11 in an error', async () => {
      const answer = await visit({ prompt: 'none' });
      expect(errorIn(answer)).to.equal('login_required');
      expect(new URL(callbackOf(answer)).searchParams.get('iss')).to.equal(`${harness.url}/shop`);
    });

    it('OA-11, OA-14 by form_post: a page that posts to the redirect URI alone, under a nonce', async () => {
      const { browser } = await login(harness);
      const page = await browser.visit(await rp.authorizationUrl({ response_mode: 'form_post' }));
      const form = formWith(page, 'code');
      expect(form.action).to.equal(CALLBACK);
      expect(form.method).to.equal('POST');
      const fields = Object.fromEntries(form.fields.map(({ name, value }) => [name, value]));
      expect(fields.iss).to.equal(`${harness.url}/shop`);
      expect(
        Object.keys(fields)
          .filter((name) => name !== '')
          .sort(),
      ).to.deep.equal(['code', 'iss', 'state']);
      const policy = String(page.headers['content-security-policy']);
      expect(policy).to.include(`form-action ${new URL(CALLBACK).origin}`);
      const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
      for (const [tag] of page.body.matchAll(/<script[^>]*>/g)) expect(tag).to.include(`nonce="${nonce}"`);
      expect(page.body).not.to.match(/\son[a-z]+=/);
      expect(page.headers['cache-control']).to.equal('no-store');
    });

    it('OA-11 in an error by form_post', async () => {
      const page = await visit({ response_mode: 'form_post', prompt: 'none' });
      const fields = Object.fromEntries(
        formWith(page, 'error').fields.map(({ name, value }) => [name, value]),
      );
      expect(fields.error).to.equal('login_required');
      expect(fields.iss).to.equal(`${harness.url}/shop`);
    });
  });

  describe('OA-12 no redirect after a form', () => {
    it('OA-12 every answer to a POST of a sign-in is a page of ours, every redirect is a 303 to our origin', async () => {
      const browser = new Browser();
      const answer = await signInByCode(harness, browser, rp, newAddress());
      const posts = answer.hops.filter(({ method }) => method === 'POST');
      expect(posts).not.to.have.length(0);
      for (const { status } of posts) expect(status).to.equal(200);
      for (const { status } of answer.hops.filter(({ status }) => status >= 300))
        expect(status).to.equal(303);
      expect(answer.hops.every(({ url }) => new URL(url).origin === harness.url)).to.equal(true);
    });
  });

  describe('OA-13, OA-14 response types and modes', () => {
    for (const response_type of [
      'token',
      'id_token',
      'code token',
      'code id_token',
      'id_token token',
      'none',
      'CODE',
      'x',
    ]) {
      it(`OA-13 ${response_type} is refused`, async () => {
        const answer = await visit({ response_type });
        const url = new URL(callbackOf(answer));
        const told = new URLSearchParams(url.hash.slice(1) || url.search);
        expect(told.get('error')).to.equal('unsupported_response_type');
        expect(told.has('code')).to.equal(false);
      });
    }

    for (const response_mode of ['fragment', 'web_message', 'jwt', 'query.jwt', 'form_post.jwt', 'x']) {
      it(`OA-14 ${response_mode} is refused`, async () => {
        const answer = await visit({ response_mode });
        expect(answer.body + String(answer.next)).to.match(/unsupported_response_mode|invalid_request/);
        formsNone(answer);
      });
    }
  });

  describe('OA-16 state and nonce', () => {
    it('OA-16 come back exactly, with every sign that survives a URL', async () => {
      const state = 'ä&=+ %20"<>\u2028#é';
      const nonce = 'n&=+ %"<>é';
      const found = await login(harness, { params: { state, nonce } });
      expect(new URL(found.callback).searchParams.get('state')).to.equal(state);
      const { claims } = await found.rp.exchange(found.callback);
      expect(claims?.nonce).to.equal(nonce);
    });

    it('OA-16 of 2 KB come back whole', async () => {
      const state = 's'.repeat(2048);
      const found = await login(harness, { params: { state, nonce: 'n'.repeat(2048) } });
      expect(new URL(found.callback).searchParams.get('state')).to.equal(state);
      expect((await found.rp.exchange(found.callback)).claims?.nonce).to.equal('n'.repeat(2048));
    });

    it('OA-16 longer ones are refused, never cut', async () => {
      for (const name of ['state', 'nonce']) {
        const answer = await visit({ [name]: 'x'.repeat(2049) });
        expect(errorIn(answer), name).to.equal('invalid_request');
      }
    });
  });

  describe('OA-46 prompt and max_age', () => {
    it('OA-46 prompt=none without a session: login_required, no page and no new session', async () => {
      const browser = new Browser();
      const answer = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
      expect(errorIn(answer)).to.equal('login_required');
      expect(answer.status).to.equal(303);
    });

    it('OA-46 prompt=none with a session: a code without any page', async () => {
      const { browser } = await login(harness);
      const answer = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
      expect(answer.hops).to.have.length(1);
      expect(new URL(callbackOf(answer)).searchParams.has('code')).to.equal(true);
    });

    it('OA-46 prompt=none where consent is missing: consent_required', async () => {
      const { browser } = await login(harness);
      const answer = await browser.visit(
        await harness.rp('shop', 'partner').authorizationUrl({ prompt: 'none' }),
      );
      expect(errorIn(answer)).to.equal('consent_required');
    });

    it('OA-46 prompt=none login together contradict each other', async () => {
      expect(errorIn(await visit({ prompt: 'none login' }))).to.equal('invalid_request');
    });

    it('OA-46 prompt=login asks again in spite of the session', async () => {
      const { browser } = await login(harness);
      formWith(await browser.visit(await rp.authorizationUrl({ prompt: 'login' })), 'email');
    });

    it('OA-46 max_age=0 asks again, a large one does not', async () => {
      const { browser } = await login(harness);
      formWith(await browser.visit(await rp.authorizationUrl({ max_age: '0' })), 'email');
      await again(browser, rp, { max_age: '10000' });
    });

    it('OA-46 a hint that names another user than the session is no reason for prompt=none to succeed', async () => {
      const one = await login(harness);
      const two = await login(harness);
      const tokens = await two.rp.exchange(two.callback);
      const url = await rp.authorizationUrl({ prompt: 'none', id_token_hint: tokens.id_token });
      expect(errorIn(await one.browser.visit(url))).to.equal('login_required');
    });
  });

  it('OA-17 each parameter given twice is refused', async () => {
    const url = await rp.authorizationUrl({ prompt: 'none' });
    for (const name of new URL(url).searchParams.keys()) {
      const doubled = new URL(url);
      doubled.searchParams.append(name, doubled.searchParams.get(name) ?? '');
      const answer = await new Browser().visit(doubled.href);
      if (answer.next === undefined) isOwnErrorPage(answer, harness);
      else expect(new URL(answer.next).searchParams.get('error'), name).to.equal('invalid_request');
    }
  });

  it('claims by request and request objects are not taken', async () => {
    const request = 'eyJhbGciOiJub25lIn0.e30.';
    expect(errorIn(await visit({ request }))).to.equal('request_not_supported');
    expect(errorIn(await visit({ request_uri: 'http://127.0.0.1:1/x' }))).to.equal(
      'request_uri_not_supported',
    );
  });
});

function formsNone(answer: Answer): void {
  expect(
    pageOf(answer).forms.filter(({ fields }) => fields.some(({ name }) => name === 'email')),
  ).to.deep.equal([]);
}
