// A web site that signs people in with openid-client, on Node's own HTTP server. Tokens stay on this server.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import * as client from 'openid-client';

const {
  ISSUER = 'http://localhost:3000/shop',
  CLIENT_ID = 'node',
  CLIENT_SECRET,
  PORT = '4002',
} = process.env;
const { REDIRECT_URI = `http://localhost:${PORT}/callback` } = process.env;
const HOME = new URL('/', REDIRECT_URI).href;
const isDevelopment = new URL(ISSUER).protocol === 'http:';

/** By the value of the session cookie; a real site keeps them in a store and lets them expire. */
const sessions = new Map();

/** Discovery on first use, so that this server starts while the issuer is still starting. */
let configuration;
async function discovered() {
  configuration ??= await client.discovery(
    new URL(ISSUER),
    CLIENT_ID,
    undefined,
    CLIENT_SECRET ? client.ClientSecretBasic(CLIENT_SECRET) : client.None(),
    { execute: isDevelopment ? [client.allowInsecureRequests] : [] },
  );
  return configuration;
}

const routes = {
  'GET /': (session) => page(session.user ? signedIn(session) : '<a href="/login">Sign in</a>'),

  'GET /login': async (session) => {
    session.asked = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    const url = client.buildAuthorizationUrl(await discovered(), {
      redirect_uri: REDIRECT_URI,
      scope: 'openid email offline_access',
      code_challenge: await client.calculatePKCECodeChallenge(session.asked.pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: session.asked.expectedState,
      nonce: session.asked.expectedNonce,
    });
    return redirect(url.href);
  },

  'GET /callback': async (session, url) => {
    const { asked } = session;
    session.asked = undefined;
    if (!asked) return redirect(HOME);
    const tokens = await client.authorizationCodeGrant(await discovered(), url, {
      ...asked,
      idTokenExpected: true,
    });
    const { sub } = tokens.claims();
    const user = await client.fetchUserInfo(await discovered(), tokens.access_token, sub);
    // A new session id after signing in: whoever planted the old one gains nothing (session fixation).
    return { ...redirect(HOME), session: { user, tokens, refreshed: 0 } };
  },

  'POST /refresh': async (session) => {
    const tokens = await client.refreshTokenGrant(await discovered(), session.tokens.refresh_token);
    // Every refresh token serves once: keep the new one. The ID token may be missing from the answer.
    session.tokens = { ...session.tokens, ...tokens };
    session.refreshed += 1;
    return redirect(HOME);
  },

  'POST /logout': async (session) => {
    if (!session.tokens) return redirect(HOME);
    const url = client.buildEndSessionUrl(await discovered(), {
      id_token_hint: session.tokens.id_token,
      post_logout_redirect_uri: HOME,
    });
    return { ...redirect(url.href), session: {} };
  },
};

createServer(async (request, response) => {
  const url = new URL(request.url, HOME);
  const id = /(?:^|; )node_session=([\w-]{22})/.exec(request.headers.cookie ?? '')?.[1];
  const session = sessions.get(id) ?? {};
  const answer = await answerTo(request, url, session);
  if (answer.session) sessions.delete(id);
  const isNew = answer.session !== undefined || !sessions.has(id);
  const cookie = isNew ? randomBytes(16).toString('base64url') : id;
  sessions.set(cookie, answer.session ?? session);
  // Lax keeps the cookie out of other sites' form posts; over https it would be __Host-… and Secure as well.
  if (isNew) response.setHeader('set-cookie', `node_session=${cookie}; Path=/; HttpOnly; SameSite=Lax`);
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
  body: `<!doctype html><html lang="en"><title>Node</title><h1>Node</h1>${content}</html>`,
});

const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
