/** Malformed, doubled, oversized and unknown input at the engine's endpoints is never a fault of ours (WB-09, RL-16). */
import { expect } from 'chai';
import { CALLBACK, type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens, type TokenLogin } from '../../support/logins.ts';
import { exchange } from '../../support/wire.ts';
import { basic, FORM } from '../../support/wire-forms.ts';

/** As they stand in a query or a form, already encoded or deliberately not. */
const HOSTILE_VALUES = [
  '',
  '%',
  '%00',
  '%0d%0aSet-Cookie:%20a=b',
  '%ff%fe',
  '%ED%A0%80',
  'null',
  'undefined',
  '[object%20Object]',
  '{}',
  '[]',
  '%7B%22%24ne%22%3A1%7D',
  '-1',
  '1e309',
  '99999999999999999999',
  'x'.repeat(5000),
  '%F0%9F%92%A9',
  '..%2F..%2Fetc%2Fpasswd',
  '%3Cscript%3Ealert(1)%3C%2Fscript%3E',
  "'%20OR%201=1--",
  '__proto__',
  'constructor',
  'eyJhbGciOiJub25lIn0.e30.',
  'a.b.c',
  '%20openid%20%20email%20',
  'https://evil.example/%0d%0aLocation:%20x',
];

/** Names that are no parameters, or that mean something to parsers. */
const HOSTILE_QUERIES = [
  'a[b][c]=1&a[]=2',
  '__proto__[x]=1&__proto__=2',
  'constructor.prototype.x=1',
  'hasOwnProperty=1&toString=2&valueOf=3',
  '=&&==&=x',
  '&'.repeat(2000),
  Array.from({ length: 1500 }, (_, index) => `p${index}=1`).join('&'),
  `${'n'.repeat(6000)}=1`,
  'client_id[$ne]=1&redirect_uri[0]=x',
  'claims=%7B&authorization_details=%5B&resource=x&resource=y&dpop_jkt=x&registration=%7B%7D',
  'request=x&request_uri=urn:x&response_mode=jwt',
  'acr_values=%00&max_age=x&display=x&ui_locales=%22%3E&id_token_hint=x&login_hint=%0a',
  'max_age=-1&prompt=consent%20none%20x',
];

const PARAMETERS = {
  auth: [
    'client_id',
    'redirect_uri',
    'response_type',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'prompt',
    'max_age',
    'login_hint',
    'id_token_hint',
    'ui_locales',
    'response_mode',
    'acr_values',
    'display',
    'claims',
  ],
  token: [
    'grant_type',
    'code',
    'redirect_uri',
    'code_verifier',
    'client_id',
    'client_secret',
    'refresh_token',
    'scope',
  ],
  logout: ['id_token_hint', 'post_logout_redirect_uri', 'state', 'client_id', 'ui_locales', 'logout_hint'],
} as const;

describe('hostile input', () => {
  let harness: Harness;
  let person: TokenLogin;
  const faults: string[] = [];
  before(async () => {
    const log = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (fields: object) => faults.push(JSON.stringify(fields)),
    };
    harness = await startPostern({ log });
    person = await loginWithTokens(harness);
  });
  after(() => harness.close());
  afterEach(() => {
    expect(faults.splice(0)).to.deep.equal([]);
  });

  const isNoFault = async (
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<void> => {
    const reply = await exchange(rawUrl(`${harness.url}/shop${path}`), { method, body, headers });
    const what = `${method} ${path.slice(0, 200)} ${body?.slice(0, 200) ?? ''}`;
    expect(reply.status, what).to.be.lessThan(500);
    expect(reply.headers['set-cookie']?.join() ?? '', what).not.to.include('a=b');
    expect(String(reply.headers.location), what).not.to.match(/^https:\/\/evil/);
    expect(reply.body, what).not.to.include('<script>alert');
  };
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    isNoFault('POST', path, body, { 'content-type': FORM, ...headers });

  for (const name of PARAMETERS.auth) {
    it(`WB-09 /auth survives every hostile ${name}`, async () => {
      const url = new URL(await person.rp.authorizationUrl());
      url.searchParams.delete(name);
      for (const value of HOSTILE_VALUES) {
        const query = `${url.searchParams}&${name}=${value}`;
        await isNoFault('GET', `/auth?${query}`);
        await post('/auth', query);
      }
    });
  }

  for (const grant of ['authorization_code', 'refresh_token']) {
    it(`WB-09 /token survives every hostile parameter of ${grant}`, async () => {
      const good = {
        grant_type: grant,
        code: 'x'.repeat(43),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(43),
        client_id: 'web',
        refresh_token: 'x'.repeat(43),
      };
      for (const name of PARAMETERS.token) {
        const rest = new URLSearchParams(good);
        rest.delete(name);
        for (const value of HOSTILE_VALUES) await post('/token', `${rest}&${name}=${value}`);
      }
    });
  }

  it('WB-09 /session/end survives every hostile parameter', async () => {
    for (const name of PARAMETERS.logout) {
      for (const value of HOSTILE_VALUES) {
        await isNoFault('GET', `/session/end?${name}=${value}`);
        await isNoFault('GET', `/session/end?client_id=web&${name}=${value}`);
        await post('/session/end', `${name}=${value}`);
        await post('/session/end/confirm', `xsrf=${value}&logout=${value}`);
      }
    }
  });

  it('WB-09 unknown, nested and countless names are no fault anywhere', async () => {
    for (const query of HOSTILE_QUERIES) {
      for (const path of ['/auth', '/me', '/session/end', '/session/end/success'])
        await isNoFault('GET', `${path}?${query}`);
      for (const path of ['/token', '/me', '/session/end', '/session/end/confirm', '/auth'])
        await post(path, query);
    }
  });

  it('WB-09 /me survives every hostile token and header', async () => {
    const tokens = [
      '',
      'x',
      'x'.repeat(5000),
      '%00',
      'a.b.c',
      `${person.tokens.access_token}x`,
      person.tokens.id_token ?? '',
    ];
    for (const token of tokens) {
      for (const scheme of ['Bearer', 'bearer', 'DPoP', 'Basic', 'Digest', '']) {
        await isNoFault('GET', '/me', undefined, { authorization: `${scheme} ${token}` });
      }
      await post('/me', `access_token=${encodeURIComponent(token)}`);
    }
    await isNoFault('GET', '/me', undefined, {
      dpop: 'x',
      authorization: `DPoP ${person.tokens.access_token}`,
    });
  });

  it('WB-09 hostile Basic credentials are no fault', async () => {
    for (const value of [
      basic('', ''),
      basic('web', ''),
      basic('%zz', '%zz'),
      basic('a:b:c', 'd'),
      basic('\u0000', 'ä'),
      'Basic ====',
    ]) {
      await post('/token', 'grant_type=refresh_token&refresh_token=x', { authorization: value });
    }
  });

  it('WB-09 hostile cookies are no fault', async () => {
    const url = new URL(await person.rp.authorizationUrl());
    const names = [...person.browser.jar.all()].map(({ name }) => name);
    expect(names.some((name) => name.startsWith('session'))).to.equal(true);
    for (const value of ['', 'x', 'x'.repeat(3000), '"', '%00', 'a=b', '%', '../..', '__proto__']) {
      const cookie = names.map((name) => `${name}=${value}`).join('; ');
      for (const path of [`/auth${url.search}`, '/session/end', '/auth/x', '/interaction/x']) {
        await isNoFault('GET', path, undefined, { cookie });
      }
    }
  });

  it('RL-16 bodies that are too large, broken or compressed are refused', async () => {
    for (const path of ['/token', '/me', '/session/end', '/session/end/confirm']) {
      await post(path, `a=${'x'.repeat(70_000)}`);
      await post(path, 'a=b', { 'content-encoding': 'gzip' });
      await post(path, 'a=b', { 'content-encoding': 'x' });
      await post(path, '{"a":1}', { 'content-type': 'application/json' });
      await post(path, 'a=b', { 'content-type': `${FORM}; charset=utf-7` });
      await post(path, 'a=b', { 'content-type': ';;;' });
    }
  });

  it('WB-09 odd methods and paths are no fault', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      for (const path of ['/auth', '/token', '/me', '/session/end', '/jwks']) await isNoFault(method, path);
    }
    for (const path of [
      '/auth/',
      '/auth/%00',
      '/auth/..',
      '/auth/x/y',
      '/token/',
      '//token',
      '/%2e%2e/studio/me',
      '/session/end/',
      '/jwks/x',
      '/%',
      '/%zz',
      `/${'x'.repeat(5000)}`,
    ]) {
      await isNoFault('GET', path);
    }
  });
});

const ignore = (): void => undefined;

/** `URL` would repair some of these paths. */
function rawUrl(text: string): URL {
  const url = new URL(text);
  const at = text.indexOf('/', 'http://'.length);
  const [pathname = '', ...query] = text.slice(at).split('?');
  return Object.defineProperties(url, {
    pathname: { value: pathname },
    search: { value: query.length > 0 ? `?${query.join('?')}` : '' },
  });
}
