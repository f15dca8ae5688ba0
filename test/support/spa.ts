/**
 * A single-page app on an origin of its own that keeps state and PKCE verifier in `sessionStorage`, as many libraries do:
 * only the tab that began can finish.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Spa {
  readonly origin: string;
  /** Address that begins a sign-in at once. */
  start(issuer: string, clientId: string): string;
  close(): Promise<void>;
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>SPA</title><h1 id="state">working</h1>
<script type="module">
const say = (text) => { document.querySelector('#state').textContent = text; };
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(32)), (b) => b.toString(16).padStart(2, '0')).join('');
const query = new URLSearchParams(location.search);
if (location.pathname === '/start') {
  const verifier = random(), state = random();
  const issuer = query.get('issuer'), client = query.get('client');
  sessionStorage.setItem('pending', JSON.stringify({ verifier, state, issuer, client }));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  const challenge = btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
  const { authorization_endpoint } = await (await fetch(issuer + '/.well-known/openid-configuration')).json();
  const url = new URL(authorization_endpoint);
  for (const [name, value] of Object.entries({ client_id: client, redirect_uri: location.origin + '/callback', response_type: 'code',
    scope: 'openid email', state, code_challenge: challenge, code_challenge_method: 'S256' })) url.searchParams.set(name, value);
  location.assign(url);
} else if (location.pathname === '/callback') {
  const pending = JSON.parse(sessionStorage.getItem('pending') ?? 'null');
  if (!pending) say('no pending sign-in in this tab');
  else if (query.get('error')) say('error ' + query.get('error'));
  else if (query.get('state') !== pending.state || query.get('iss') !== pending.issuer) say('wrong state or issuer');
  else {
    const { token_endpoint, userinfo_endpoint } = await (await fetch(pending.issuer + '/.well-known/openid-configuration')).json();
    const reply = await fetch(token_endpoint, { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', code: query.get('code'),
      redirect_uri: location.origin + '/callback', client_id: pending.client, code_verifier: pending.verifier }) });
    const tokens = await reply.json();
    if (!reply.ok) say('refused ' + tokens.error);
    else say('signed in as ' + (await (await fetch(userinfo_endpoint, { headers: { authorization: 'Bearer ' + tokens.access_token } })).json()).email);
  }
} else say('home');
</script></html>`;

export async function startSpa(): Promise<Spa> {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    res.end(PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server has no string address. Another host name than the provider's, hence another cookie jar.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    start: (issuer, clientId) => `${origin}/start?${new URLSearchParams({ issuer, client: clientId })}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
