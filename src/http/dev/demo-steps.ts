/** How each protocol step is told on the page. Tokens and codes are shortened here, before anything is kept or shown. */
import type { IDToken, ServerMetadata, TokenEndpointResponse, UserInfoResponse } from 'openid-client';
import type { Row, Step } from './demo-sessions.ts';

const PARAMETERS: Readonly<Record<string, string>> = {
  client_id: 'Which client asks. Public: it has no secret.',
  redirect_uri: 'Where the answer goes. Must match a registered address exactly.',
  response_type: 'An authorization code: no token ever travels through the browser.',
  scope: 'What is asked for. openid makes it a sign-in, offline_access asks for a refresh token.',
  code_challenge:
    'PKCE: the hash of a secret that only this client knows and shows when it redeems the code.',
  code_challenge_method: 'The hash is SHA-256.',
  state: 'Ties the answer to this browser; another one is refused.',
  nonce: 'Comes back inside the ID token, so that no other ID token can be slipped in.',
  prompt: 'none = answer without asking; login = ask again; consent = show the consent page.',
  login_hint: 'Fills in the address. Nothing is mailed before the person presses the button.',
  ui_locales: 'Language of the sign-in pages.',
};

const ANSWER: Readonly<Record<string, string>> = {
  code: 'Serves once and for a minute; useless without the PKCE verifier.',
  state: 'The one that was sent.',
  iss: 'Who answers: protects clients of several issuers from mix-up (RFC 9207).',
  error: 'Why there is no code.',
  error_description: 'The same in words for developers.',
};

const CLAIMS: Readonly<Record<string, string>> = {
  iss: 'Who signed people in',
  sub: 'The person: use this as the key, never the address',
  aud: 'For which client',
  exp: 'Expires',
  iat: 'Issued',
  auth_time: 'When the person proved who they are',
  nonce: 'The one that was sent',
  amr: 'By which methods (RFC 8176)',
  acr: 'How strongly',
  sid: 'Session at the provider',
  at_hash: 'Ties the access token to this ID token',
  email: 'Mail address',
  email_verified: 'Whether the mailbox was proved',
  name: 'Name',
};

const TIMES = new Set(['exp', 'iat', 'auth_time', 'nbf', 'updated_at']);

const ENDPOINTS = [
  'issuer',
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'end_session_endpoint',
  'revocation_endpoint',
] as const;

/** Enough to recognise a token, too little to use it. */
export const shortened = (secret: string): string =>
  secret.length < 24
    ? `… (${secret.length} characters)`
    : `${secret.slice(0, 8)}… (${secret.length} characters)`;

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function rowsOf(values: Iterable<[string, unknown]>, meanings: Readonly<Record<string, string>>): Row[] {
  return [...values].map(([name, value]) => ({
    name,
    value:
      TIMES.has(name) && typeof value === 'number'
        ? `${value} (${new Date(value * 1000).toISOString().replace('.000', '')})`
        : plain(value),
    meaning: meanings[name],
  }));
}

export const discoveryStep = (metadata: ServerMetadata): Step => ({
  title: 'Discovery',
  request: `GET ${metadata.issuer}/.well-known/openid-configuration`,
  text: 'From the issuer alone the client learns everything else.',
  rows: ENDPOINTS.filter((name) => metadata[name] !== undefined).map((name) => ({
    name,
    value: plain(metadata[name]),
  })),
});

export const authorizationStep = (url: URL): Step => ({
  title: 'Authorization request',
  request: `GET ${url.origin}${url.pathname}`,
  text: 'The client sends the browser to the provider with these parameters.',
  rows: rowsOf(url.searchParams, PARAMETERS),
});

export const silentStep = (): Step => ({
  title: 'Silent sign-in',
  text: 'prompt=none: the provider answered from its session, without a page or a mail.',
  rows: [],
});

export const callbackStep = (redirectUri: string, query: URLSearchParams): Step => ({
  title: 'Callback',
  request: `GET ${redirectUri}`,
  text: 'The provider sends the browser back with the answer.',
  rows: rowsOf(
    [...query].map(([name, value]): [string, string] => [name, name === 'code' ? shortened(value) : value]),
    ANSWER,
  ),
});

function tokenRows(tokens: TokenEndpointResponse): Row[] {
  const rows: Row[] = [
    {
      name: 'access_token',
      value: shortened(tokens.access_token),
      meaning: 'For userinfo and APIs. Opaque to the client.',
    },
    { name: 'token_type', value: tokens.token_type },
  ];
  if (tokens.expires_in !== undefined)
    rows.push({ name: 'expires_in', value: `${tokens.expires_in} seconds` });
  if (tokens.scope !== undefined)
    rows.push({ name: 'scope', value: tokens.scope, meaning: 'What was granted.' });
  if (tokens.id_token !== undefined) rows.push({ name: 'id_token', value: shortened(tokens.id_token) });
  if (tokens.refresh_token !== undefined) {
    rows.push({
      name: 'refresh_token',
      value: shortened(tokens.refresh_token),
      meaning: 'Gets new tokens without the person. Serves once; each use gives the next one.',
    });
  }
  return rows;
}

export const tokenStep = (endpoint: string | undefined, tokens: TokenEndpointResponse): Step => ({
  title: 'Code exchange',
  request: `POST ${endpoint}`,
  text: 'The client redeems the code from its server, with the PKCE verifier. Tokens are shortened here.',
  rows: tokenRows(tokens),
});

export const idTokenStep = (claims: IDToken): Step => ({
  title: 'ID token',
  text: 'Signature, issuer, audience, times and nonce were checked. This is who signed in.',
  rows: rowsOf(Object.entries(claims), CLAIMS),
});

export const userinfoStep = (endpoint: string | undefined, userinfo: UserInfoResponse): Step => ({
  title: 'Userinfo',
  request: `GET ${endpoint}`,
  text: 'With the access token the client may ask for the claims that its scopes cover.',
  rows: rowsOf(Object.entries(userinfo), CLAIMS),
});

export function refreshStep(endpoint: string | undefined, old: string, tokens: TokenEndpointResponse): Step {
  const isRotated = tokens.refresh_token !== undefined && tokens.refresh_token !== old;
  return {
    title: 'Refresh',
    request: `POST ${endpoint}`,
    text: isRotated
      ? 'New tokens, and a new refresh token: the old one is spent. Using it again later would end this sign-in everywhere, because only a thief would.'
      : 'New tokens. The refresh token stayed the same.',
    rows: [{ name: 'refresh_token (before)', value: shortened(old) }, ...tokenRows(tokens)],
  };
}
