import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { CookieJar, parseSetCookie } from '../support/cookie-jar.ts';
import { Browser, formsOf, formWith, OAuthError, pageOf, RelyingParty } from '../support/relying-party.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function listen(handler: Handler): Promise<{ server: Server; origin: string; port: number }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server has an AddressInfo; string and null belong to pipes and closed servers.
  const { port } = server.address() as AddressInfo;
  return { server, port, origin: `http://127.0.0.1:${port}` };
}

function html(response: ServerResponse, body: string, headers: Record<string, string | string[]> = {}): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body);
}

describe('support: cookie jar', () => {
  const https = new URL('https://auth.shop.example/shop/auth');
  const http = new URL('http://127.0.0.1/shop/auth');
  const isAccepted = (line: string, url = https) => parseSetCookie(line, url, 0) !== undefined;

  it('refuses what a browser refuses', () => {
    expect(isAccepted('__Host-a=1; Path=/; Secure')).to.equal(true);
    expect(isAccepted('__Host-a=1; Secure'), 'no Path=/').to.equal(false);
    expect(isAccepted('__Host-a=1; Path=/shop; Secure'), 'narrower path').to.equal(false);
    expect(isAccepted('__Host-a=1; Path=/; Secure; Domain=auth.shop.example'), 'domain').to.equal(false);
    expect(isAccepted('__Host-a=1; Path=/'), 'not secure').to.equal(false);
    expect(isAccepted('__Secure-a=1; Path=/'), 'not secure').to.equal(false);
    expect(isAccepted('a=1; Domain=other.example'), 'foreign domain').to.equal(false);
    expect(isAccepted('a=1; Domain=example'), 'top-level domain').to.equal(false);
    expect(isAccepted('a=1; SameSite=None'), 'None without Secure').to.equal(false);
    expect(isAccepted('a=1; Secure', http), 'Secure over http').to.equal(false);
    expect(isAccepted('a=1', http)).to.equal(true);
  });

  it('sends by path, site, scheme and time', () => {
    let now = 0;
    const jar = new CookieJar(() => now);
    jar.take(['a=1; Path=/shop; Max-Age=10', 'b=2; Path=/; SameSite=Strict; Secure', 'c=3; Path=/'], https);
    const sent = (url: string, isCrossSite = false, isSafeNavigation = true) =>
      jar.header({ url: new URL(url), isCrossSite, isSafeNavigation });
    expect(sent('https://auth.shop.example/shop/x')).to.equal('a=1; b=2; c=3');
    expect(sent('https://auth.shop.example/shopper')).to.equal('b=2; c=3');
    expect(sent('https://sub.auth.shop.example/shop')).to.equal(undefined);
    expect(sent('http://auth.shop.example/shop')).to.equal('a=1; c=3');
    expect(sent('https://auth.shop.example/shop', true)).to.equal('a=1; c=3');
    expect(sent('https://auth.shop.example/shop', true, false)).to.equal(undefined);
    now = 11_000;
    expect(sent('https://auth.shop.example/shop')).to.equal('b=2; c=3');
    jar.take(['c=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'], https);
    expect(jar.named('c')).to.deep.equal([]);
  });
});

describe('support: Browser', () => {
  let origin: string;
  let port: number;
  let server: Server;
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];

  before(async () => {
    ({ server, origin, port } = await listen((request, response, body) => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body });
      if (url === '/form' || url === '/strict') {
        const policy = url === '/form' ? 'same-origin' : 'no-referrer';
        html(
          response,
          `<title>T</title><p>Hello &amp; <b>you</b></p><script>1 < 2</script>
          <form method=post action="done?x=1"><input type=hidden name=csrf value="c&quot;1"><input name=email>
          <input type=checkbox name=off><input type=checkbox name=on checked><button name=go value=1>Go</button></form>`,
          {
            'referrer-policy': policy,
            'set-cookie': ['s=1; Path=/; HttpOnly', 'l=2; Path=/; SameSite=Strict'],
          },
        );
      } else if (url.startsWith('/done'))
        html(response, '<noscript><meta http-equiv=refresh content="0; url=/hop"></noscript>');
      else if (url === '/hop')
        response.writeHead(303, { location: 'https://client.example/cb?code=1' }).end();
      else if (url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else html(response, 'plain');
    }));
  });
  after(() => void server.close());
  beforeEach(() => void seen.splice(0));

  it('reads and sends forms as a browser does, then follows refresh and redirect up to the client', async () => {
    const browser = new Browser();
    const page = await browser.visit(`${origin}/form`);
    expect(pageOf(page)).to.include({ title: 'T', text: 'Hello & you Go' });
    const answer = await browser.submit(formWith(page, 'email'), { email: 'a@x.example' });
    expect(answer.next).to.equal('https://client.example/cb?code=1');
    expect(answer.hops.map(({ method, status }) => `${method} ${status}`)).to.deep.equal([
      'POST 200',
      'GET 303',
    ]);
    const post = seen[1];
    expect(post?.body).to.equal('csrf=c%221&email=a%40x.example&on=on');
    expect(post?.headers).to.include({
      origin,
      referer: `${origin}/form`,
      cookie: 's=1; l=2',
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
    });
    expect(browser.url).to.equal(`${origin}/done?x=1`);
  });

  it('stays on the answer when asked to follow nothing', async () => {
    const browser = new Browser();
    const [form] = formsOf(await browser.visit(`${origin}/form`));
    if (!form) throw new Error('no form');
    const answer = await browser.submit(form, {}, { refresh: false });
    expect(answer).to.include({ status: 200, next: undefined });
    expect(seen).to.have.length(2);
  });

  it('refuses to fill in a field that the form has not', async () => {
    const browser = new Browser();
    const form = formWith(await browser.visit(`${origin}/form`), 'email');
    expect(() => browser.submit(form, { code: '1' })).to.throw('no field code');
  });

  it('sends Origin null under no-referrer', async () => {
    const browser = new Browser();
    const form = formWith(await browser.visit(`${origin}/strict`), 'email');
    await browser.submit(form, {}, { follow: false });
    expect(seen[1]?.headers.origin).to.equal('null');
    expect(seen[1]?.headers.referer).to.equal(undefined);
  });

  it('knows another site: Lax with a link, nothing with a form', async () => {
    const browser = new Browser();
    await browser.visit(`${origin}/form`);
    await browser.visit(`${origin}/x`, { from: 'https://webmail.example/' });
    expect(seen[1]?.headers).to.include({ cookie: 's=1', 'sec-fetch-site': 'cross-site' });
    await browser.visit(`${origin}/x`, { method: 'POST', body: { a: '1' }, from: 'https://evil.example/' });
    expect(seen[2]?.headers).to.include({ origin: 'https://evil.example' });
    expect(seen[2]?.headers.cookie).to.equal(undefined);
  });

  it('separates profiles that were copied and shares cookies between tabs', async () => {
    const browser = new Browser();
    await browser.visit(`${origin}/form`);
    const other = browser.clone();
    browser.tab().jar.forget('s');
    expect(browser.jar.named('s')).to.have.length(0);
    expect(other.jar.named('s')).to.have.length(1);
  });

  it('gives up on a circle', async () => {
    const error = await new Browser().visit(`${origin}/loop`).catch((fault: unknown) => fault);
    expect(String(error)).to.contain('more than 20 hops');
  });

  it('reaches names that do not resolve, as a TLS proxy would', async () => {
    const browser = new Browser({ route: () => ({ host: '127.0.0.1', port }) });
    await browser.visit('https://auth.shop.example/x', { follow: false });
    expect(seen[0]?.headers).to.include({ host: 'auth.shop.example', 'x-forwarded-proto': 'https' });
  });
});

describe('support: RelyingParty', () => {
  let server: Server;
  let issuer: string;
  let jwk: JWK;
  let claims: Record<string, unknown>;
  let lastToken: { headers: IncomingMessage['headers']; body: URLSearchParams };
  const redirectUri = 'https://client.example/cb';

  before(async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' };
    const sign = () =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey);
    const json = (response: ServerResponse, body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const started = await listen((request, response, body) => {
      if (request.url === '/.well-known/openid-configuration') {
        const endpoints = ['authorization', 'token', 'userinfo', 'end_session', 'revocation'];
        json(response, {
          issuer,
          jwks_uri: `${issuer}/jwks`,
          ...Object.fromEntries(endpoints.map((name) => [`${name}_endpoint`, `${issuer}/${name}`])),
        });
      } else if (request.url === '/jwks') json(response, { keys: [jwk] });
      else if (request.url === '/userinfo') {
        response
          .writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token", error_description="gone"' })
          .end();
      } else {
        lastToken = { headers: request.headers, body: new URLSearchParams(body) };
        if (lastToken.body.get('refresh_token') === 'old') json(response, { error: 'invalid_grant' }, 400);
        else
          void sign().then((id_token) =>
            json(response, { access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token }),
          );
      }
    });
    ({ server, origin: issuer } = started);
  });
  after(() => void server.close());

  async function begin(options: { clientSecret?: string } = {}) {
    const party = new RelyingParty({ issuer, clientId: 'c', redirectUri, ...options });
    const asked = new URL(await party.authorizationUrl()).searchParams;
    claims = { iss: issuer, aud: 'c', sub: 'u', nonce: asked.get('nonce') };
    const callback = (params: Record<string, string>) => `${redirectUri}?${new URLSearchParams(params)}`;
    const good = { code: 'x', state: asked.get('state') ?? '', iss: issuer };
    const fails = (params: Record<string, string>) =>
      party.exchange(callback({ ...good, ...params })).then(
        () => 'accepted',
        (error: unknown) => String(error),
      );
    return { party, asked, good, callback, fails };
  }

  it('asks with PKCE, redeems the code and checks the ID token', async () => {
    const { party, asked, good, callback } = await begin();
    expect(Object.fromEntries(asked)).to.include({ response_type: 'code', code_challenge_method: 'S256' });
    const tokens = await party.exchange(callback(good));
    expect(tokens.claims).to.include({ sub: 'u', aud: 'c' });
    expect(lastToken.body.get('code_verifier')).to.have.length(43);
    expect(lastToken.body.get('client_id')).to.equal('c');
  });

  it('refuses a foreign issuer, state, nonce, audience and signature', async () => {
    const { fails, asked } = await begin();
    expect(await fails({ iss: 'https://evil.example' })).to.contain('RFC 9207');
    expect(await fails({ state: 'unknown' })).to.contain('state');
    claims = { ...claims, nonce: 'other' };
    expect(await fails({})).to.contain('nonce');
    claims = { ...claims, nonce: asked.get('nonce'), aud: 'other' };
    expect(await fails({})).to.contain('aud');
    claims = { ...claims, aud: 'c', iss: 'https://evil.example' };
    expect(await fails({})).to.contain('iss');
    claims = { ...claims, iss: issuer, aud: ['c', 'other'], azp: 'other' };
    expect(await fails({})).to.contain('azp');
  });

  it('tells protocol errors apart', async () => {
    const { party, fails } = await begin();
    expect(await fails({ error: 'access_denied', error_description: 'no' })).to.contain('access_denied: no');
    expect((await party.tokenRequest({ grant_type: 'refresh_token', refresh_token: 'old' })).status).to.equal(
      400,
    );
    const refused = await party.refresh('old').catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(OAuthError);
    expect(refused).to.include({ error: 'invalid_grant', status: 400 });
    const gone = await party.userinfo('at').catch((error: unknown) => error);
    expect(gone).to.include({ error: 'invalid_token', description: 'gone', status: 401 });
  });

  it('authenticates a confidential client with form-encoded Basic credentials', async () => {
    const { party, good, callback } = await begin({ clientSecret: 'a:b%' });
    await party.exchange(callback(good));
    expect(lastToken.headers.authorization).to.equal(`Basic ${Buffer.from('c:a%3Ab%25').toString('base64')}`);
    expect(lastToken.body.has('client_id')).to.equal(false);
  });
});
