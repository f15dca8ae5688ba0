/** One full sign-in of a new person, from the authorization request to the tokens; and one refresh. Everything is checked. */
import { createPublicKey, hash, randomBytes, verify } from 'node:crypto';
import type { Connection } from './connection.ts';
import type { Mailbox } from './mailbox.ts';
import { found, locationOf, Person } from './person.ts';
import {
  API_CLIENT,
  CLIENT_ID,
  REDIRECT_URI,
  RESOURCE,
  SERVICE_ID,
  SERVICE_SECRET,
  type SubjectName,
} from './subjects.ts';

export interface Target {
  readonly name: SubjectName;
  readonly issuer: string;
  readonly port: number;
  /** From its key set, to check every ID token. */
  readonly key: ReturnType<typeof createPublicKey>;
}

interface Tokens {
  readonly refreshToken: string;
  readonly accessToken: string;
}

const originOf = (issuer: string): string => new URL(issuer).origin;
const token = (): string => randomBytes(24).toString('base64url');

/** Gives the tokens of the new login. `more` goes into the authorization request. */
export async function signIn(
  target: Target,
  connection: Connection,
  mailbox: Mailbox,
  more: Readonly<Record<string, string>> = {},
): Promise<Tokens> {
  const person = new Person(connection, originOf(target.issuer));
  const address = `${token()}@people.example`;
  const request = { verifier: token() + token(), state: token(), nonce: token() };
  const toInteraction = await person.get(authorizationUrl(target.issuer, request, more), 303);
  const interaction = await person.get(locationOf(toInteraction), 200);
  const resumeUrl =
    target.name === 'bare'
      ? locationOf(await person.post(found(interaction, / action="([^"]+)"/), { email: address }, 303))
      : await proveMailbox(
          person,
          found(interaction, FORM_TO('begin')),
          csrfOf(interaction),
          address,
          mailbox,
        );
  const callback = new URL(locationOf(await person.get(resumeUrl, 303)));
  const code = callback.searchParams.get('code');
  const isRight =
    callback.href.startsWith(`${REDIRECT_URI}?`) && callback.searchParams.get('state') === request.state;
  if (!isRight || code === null) throw new Error(`not a right callback: ${callback.href}`);
  return redeem(target, connection, code, request);
}

const FORM_TO = (step: string): RegExp => new RegExp(` action="([^"]*/${step}(?:/[^"]*)?)"`);
const csrfOf = (page: Parameters<typeof found>[0]): string => found(page, / name="csrf" value="([^"]*)"/);

/** What a person and the link page's script do; gives the address at which the browser goes on. */
async function proveMailbox(
  person: Person,
  action: string,
  csrf: string,
  email: string,
  mailbox: Mailbox,
): Promise<string> {
  const mail = mailbox.mailTo(email);
  await person.post(action, { csrf, email }, 200);
  const [, page = '', secret = ''] = /^(https:\/\/\S+\/link\/[\w-]+)#(\S+)$/m.exec(await mail) ?? [];
  const landing = await person.get(page, 200);
  const proved = await person.post(found(landing, FORM_TO('redeem')), { csrf: csrfOf(landing), secret }, 200);
  return found(proved, / data-resume-url="([^"]+)"/);
}

function authorizationUrl(
  issuer: string,
  request: { verifier: string; state: string; nonce: string },
  more: Readonly<Record<string, string>>,
): string {
  const params = new URLSearchParams({
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid email',
    state: request.state,
    nonce: request.nonce,
    code_challenge: hash('sha256', request.verifier, 'base64url'),
    code_challenge_method: 'S256',
    ...more,
  });
  return `${new URL(issuer).pathname.replace(/\/$/, '')}/auth?${params}`;
}

async function redeem(
  target: Target,
  connection: Connection,
  code: string,
  { verifier, nonce }: { verifier: string; nonce: string },
): Promise<Tokens> {
  const tokens = await tokenRequest(target, connection, {
    grant_type: 'authorization_code',
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
  });
  checkIdToken(target, String(tokens.id_token), nonce);
  return { refreshToken: String(tokens.refresh_token), accessToken: String(tokens.access_token) };
}

/** Gives the next refresh token. */
export async function refresh(target: Target, connection: Connection, refreshToken: string): Promise<string> {
  const tokens = await tokenRequest(target, connection, {
    grant_type: 'refresh_token',
    client_id: CLIENT_ID,
    refresh_token: refreshToken,
  });
  if (tokens.refresh_token === refreshToken) throw new Error('the refresh token was not rotated');
  return String(tokens.refresh_token);
}

const API_AUTHORIZATION = `Basic ${Buffer.from(`${API_CLIENT.id}:${API_CLIENT.secret}`).toString('base64')}`;

/** The API asks about a token that a person's client showed it. */
export async function introspect(
  { issuer }: Target,
  connection: Connection,
  accessToken: string,
): Promise<void> {
  const { pathname, host } = new URL(issuer);
  const head =
    `POST ${pathname.replace(/\/$/, '')}/introspect HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n` +
    `Authorization: ${API_AUTHORIZATION}\r\n` +
    'X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n';
  const body = new URLSearchParams({ token: accessToken, token_type_hint: 'access_token' }).toString();
  const answer = await connection.request(head, body);
  const told: Record<string, unknown> = answer.status === 200 ? JSON.parse(answer.body) : {};
  if (told.active !== true || told.aud !== RESOURCE || told.client_id !== CLIENT_ID) {
    throw new Error(`introspection: ${answer.status} ${answer.body}`);
  }
}

/** One opaque token for a service, which proves who it is by its secret. */
export async function serviceToken(target: Target, connection: Connection): Promise<void> {
  const fields = {
    grant_type: 'client_credentials',
    client_id: SERVICE_ID,
    client_secret: SERVICE_SECRET,
  };
  await tokenRequest(target, connection, fields, ['access_token']);
}

async function tokenRequest(
  { issuer }: Target,
  connection: Connection,
  fields: Readonly<Record<string, string>>,
  expected: readonly string[] = ['access_token', 'refresh_token', 'id_token'],
): Promise<Readonly<Record<string, unknown>>> {
  const { pathname, host } = new URL(issuer);
  const head =
    `POST ${pathname.replace(/\/$/, '')}/token HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n` +
    'X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n';
  const answer = await connection.request(head, new URLSearchParams(fields).toString());
  if (answer.status !== 200) throw new Error(`token endpoint: ${answer.status} ${answer.body}`);
  const tokens: Record<string, unknown> = JSON.parse(answer.body);
  for (const name of expected) {
    if (typeof tokens[name] !== 'string') throw new Error(`no ${name} in the answer`);
  }
  return tokens;
}

function checkIdToken({ issuer, key }: Target, idToken: string, nonce: string): void {
  const [header = '', payload = '', signature = ''] = idToken.split('.');
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  const isSigned = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  );
  if (!isSigned || claims.iss !== issuer || claims.aud !== CLIENT_ID || claims.nonce !== nonce) {
    throw new Error('not a right ID token');
  }
}

export async function discover(
  { issuer }: Pick<Target, 'issuer'>,
  connection: Connection,
): Promise<{ jwks_uri: string }> {
  const { pathname, host } = new URL(issuer);
  const answer = await connection.request(
    `GET ${pathname.replace(/\/$/, '')}/.well-known/openid-configuration HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Proto: https\r\n`,
  );
  const document = JSON.parse(answer.body);
  if (answer.status !== 200 || document.issuer !== issuer)
    throw new Error(`discovery: ${answer.status} ${answer.body}`);
  return document;
}

/** Key with which this issuer signs its RS256 ID tokens. */
export async function signingKey(issuer: string, connection: Connection): Promise<Target['key']> {
  const { host, pathname } = new URL((await discover({ issuer }, connection)).jwks_uri);
  const answer = await connection.request(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Proto: https\r\n`,
  );
  const { keys }: { keys: { alg?: string; [member: string]: unknown }[] } = JSON.parse(answer.body);
  const jwk = keys.find(({ alg }) => alg === 'RS256');
  if (!jwk) throw new Error('no RS256 key');
  return createPublicKey({ key: jwk, format: 'jwk' });
}
