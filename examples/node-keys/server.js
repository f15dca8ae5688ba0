// A web site that keeps no secret: it proves who it is by a key (private_key_jwt), pushes its requests so that nothing of
// them stands in an address bar (PAR), and binds its tokens to a second key, so that a stolen one is of no use (DPoP).
import { randomBytes, webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import * as client from 'openid-client';

const {
  ISSUER = 'http://localhost:3000/shop',
  CLIENT_ID = 'node-keys',
  /** Private key as a JWK; its public half is registered with the provider. */
  PRIVATE_KEY,
  PORT = '4006',
} = process.env;
const { REDIRECT_URI = `http://localhost:${PORT}/callback` } = process.env;
const HOME = new URL('/', REDIRECT_URI).href;
const isDevelopment = new URL(ISSUER).protocol === 'http:';

/** By the value of the session cookie; a real site keeps them in a store and lets them expire. */
const sessions = new Map();

const ES256 = { name: 'ECDSA', namedCurve: 'P-256' };
const jwk = JSON.parse(PRIVATE_KEY ?? '{}');
if (jwk.d === undefined) {
  console.error('PRIVATE_KEY has to be a private ES256 key as a JWK; see README.md.');
  process.exit(1);
}
const key = await webcrypto.subtle.importKey('jwk', jwk, ES256, false, ['sign']);
/** Lives as long as this process. Tokens of an earlier one cannot be used; the client itself may refresh them. */
const proofKeys = await client.randomDPoPKeyPair('ES256');

/** Discovery on first use, so that this server starts while the issuer is still starting. */
let discovery;
async function discovered() {
  const authentication = client.PrivateKeyJwt({ key, kid: jwk.kid });
  discovery ??= client
    .discovery(new URL(ISSUER), CLIENT_ID, { dpop_bound_access_tokens: true }, authentication, {
      execute: isDevelopment ? [client.allowInsecureRequests] : [],
    })
    // It remembers the nonces that the provider hands out.
    .then((configuration) => ({ configuration, DPoP: client.getDPoPHandle(configuration, proofKeys) }));
  return discovery;
}

const routes = {
  'GET /': (session) => page(session.user ? signedIn(session) : '<a href="/login">Sign in</a>'),

  'GET /login': async (session) => {
    session.asked = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    const { configuration, DPoP } = await discovered();
    const parameters = {
      redirect_uri: REDIRECT_URI,
      scope: 'openid email offline_access',
      code_challenge: await client.calculatePKCECodeChallenge(session.asked.pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: session.asked.expectedState,
      nonce: session.asked.expectedNonce,
    };
    const url = await client.buildAuthorizationUrlWithPAR(configuration, parameters, { DPoP });
    return redirect(url.href);
  },

  'GET /callback': async (session, url) => {
    const { asked } = session;
    session.asked = undefined;
    if (!asked) return redirect(HOME);
    const { configuration, DPoP } = await discovered();
    const checks = { ...asked, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(configuration, url, checks, undefined, { DPoP });
    if (tokens.token_type !== 'dpop') throw new Error('the access token is not bound to our key');
    const { sub } = tokens.claims();
    const user = await client.fetchUserInfo(configuration, tokens.access_token, sub, { DPoP });
    // A new session id after signing in: whoever planted the old one gains nothing (session fixation).
    return { ...redirect(HOME), session: { user, tokens, refreshed: 0 } };
  },

  'POST /refresh': async (session) => {
    const { configuration, DPoP } = await discovered();
    const { refresh_token } = session.tokens;
    const tokens = await client.refreshTokenGrant(configuration, refresh_token, undefined, { DPoP });
    // Every refresh token serves once: keep the new one. The ID token may be missing from the answer.
    session.tokens = { ...session.tokens, ...tokens };
    session.refreshed += 1;
    return redirect(HOME);
  },

  'POST /logout': async (session) => {
    if (!session.tokens) return redirect(HOME);
    const { configuration } = await discovered();
    const url = client.buildEndSessionUrl(configuration, {
      id_token_hint: session.tokens.id_token,
      post_logout_redirect_uri: HOME,
    });
    return { ...redirect(url.href), session: {} };
  },
};

createServer(async (request, response) => {
  const url = new URL(request.url, HOME);
  const id = /(?:^|; )keys_session=([\w-]{22})/.exec(request.headers.cookie ?? '')?.[1];
  const session = sessions.get(id) ?? {};
  const answer = await answerTo(request, url, session);
  if (answer.session) sessions.delete(id);
  const isNew = answer.session !== undefined || !sessions.has(id);
  const cookie = isNew ? randomBytes(16).toString('base64url') : id;
  sessions.set(cookie, answer.session ?? session);
  // Lax keeps the cookie out of other sites' form posts; over https it would be __Host-… and Secure as well.
  if (isNew) response.setHeader('set-cookie', `keys_session=${cookie}; Path=/; HttpOnly; SameSite=Lax`);
  response.writeHead(answer.status, answer.headers).end(answer.body);
}).listen(Number(PORT), '127.0.0.1', () => console.log(`Open ${HOME}`));

async function answerTo(request, url, session) {
  const route = routes[`${request.method} ${url.pathname}`];
  if (!route) return page('Not found', 404);
  try {
    return await route(session, url);
  } catch (error) {
    console.error(error.code ?? error.name, error.error ?? error.message);
    return page(`<p>${escaped(error.error ?? error.message)}</p><a href="/">Back</a>`, 502);
  }
}

const signedIn = ({ user, refreshed }) => `
<p>Signed in as <strong id="email">${escaped(user.email)}</strong> (<code id="sub">${escaped(user.sub)}</code>)</p>
<p>Refreshed <span id="refreshed">${refreshed}</span> times</p>
<form method="post" action="/refresh"><button>Refresh</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>`;

const redirect = (location) => ({ status: 303, headers: { location }, body: '' });

const page = (content, status = 200) => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
  body: `<!doctype html><html lang="en"><title>Node with keys</title><h1>Node with keys</h1>${content}</html>`,
});

const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
