/**
 * The yardstick: oidc-provider alone, with a login form that believes whoever fills it in, and everything in memory. Same
 * engine, same settings of the protocol (PKCE, RS256, opaque tokens, rotation, a Grant per login) as Postern.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import Provider, { type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import { BareAdapter } from './bare-adapter.ts';
import { answerParent, tell } from './meter.ts';
import { API_CLIENT, CLIENT_ID, REDIRECT_URI, RESOURCE, RESOURCE_SCOPE, SERVICE_ID } from './subjects.ts';

const issuer = process.env.BENCH_ISSUER ?? 'https://bare.example';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const configuration: Configuration = {
  adapter: BareAdapter,
  clients: [
    {
      client_id: CLIENT_ID,
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'RS256',
    },
    {
      client_id: API_CLIENT.id,
      client_secret: API_CLIENT.secret,
      redirect_uris: ['https://api.example/callback'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
    {
      client_id: SERVICE_ID,
      client_secret: process.env.BENCH_SERVICE_SECRET ?? 'nobody asks',
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials'],
      response_types: [],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }] },
  scopes: ['openid', 'offline_access', 'email'],
  claims: { openid: ['sub', 'acr', 'amr', 'auth_time'], email: ['email', 'email_verified'] },
  responseTypes: ['code'],
  pkce: { required: () => true },
  cookies: { keys: ['a-key-for-the-signatures-of-cookies'], long: { signed: true }, short: { signed: true } },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: async (_ctx, client) => client.clientId === API_CLIENT.id,
    },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({
        audience: RESOURCE,
        scope: RESOURCE_SCOPE,
        accessTokenFormat: 'opaque',
        accessTokenTTL: 3600,
      }),
    },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: async (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: id, email_verified: true }),
  }),
  loadExistingGrant: newGrant,
  expiresWithSession: async () => false,
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  routes: { introspection: '/introspect' },
  ttl: {
    AccessToken: 600,
    AuthorizationCode: 60,
    ClientCredentials: 600,
    Grant: 7_776_000,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 1_209_600,
    Session: 1_209_600,
  },
};

async function newGrant(ctx: KoaContextWithOIDC) {
  const { client, account, params } = ctx.oidc;
  if (!client || !account) return undefined;
  const grant = new ctx.oidc.provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  grant.addOIDCScope(String(params?.scope ?? ''));
  if (params?.resource) grant.addResourceScope(RESOURCE, RESOURCE_SCOPE);
  await grant.save();
  return grant;
}

const provider = new Provider(issuer, configuration);
provider.proxy = true;
const engine = provider.callback();

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = req.url ?? '';
  if (!path.startsWith('/interaction/')) {
    engine(req, res);
    return;
  }
  if (req.method === 'POST') {
    const email = new URLSearchParams(await bodyOf(req)).get('email') ?? '';
    await provider.interactionFinished(req, res, { login: { accountId: email } });
    return;
  }
  const { uid } = await provider.interactionDetails(req, res);
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(
    `<!doctype html><title>Sign in</title><form method="post" action="/interaction/${uid}/login">` +
      '<input name="email" type="email"><button>Sign in</button></form>',
  );
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const http = createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
  answer(req, res).catch((fault: unknown) => {
    console.error(fault);
    res.destroy();
  });
});
const port = Number(process.env.PORT ?? 0);
http.listen(port, '127.0.0.1', () => {
  const listening = (http.address() as AddressInfo).port; // a TCP server has no string address
  process.stdout.write(`listens on ${listening}\n`);
  tell({ type: 'listening', port: listening });
});
// Also runs without a parent that asks (start-up is measured from outside).
if (process.send) {
  answerParent(async () => {
    http.closeAllConnections();
    http.close();
  });
}
