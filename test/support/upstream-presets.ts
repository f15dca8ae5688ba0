/**
 * The ready-made providers as their own documentation describes them: addresses, what they ask of a request, and the shape
 * of what they answer. The link above each is where that was read.
 */

import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { OAuth2Server, OidcServer, type Person, UpstreamWorld } from './upstream-server.ts';

export const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';
export const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';

const apple = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const APPLE = {
  preset: 'apple',
  client_id: 'postern',
  team_id: 'TEAM123456',
  key_id: 'KEY1234567',
  private_key: apple.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

/** https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret */
async function isAppleSecret(given: string): Promise<boolean> {
  const { payload } = await jwtVerify(given, apple.publicKey, {
    algorithms: ['ES256'],
    issuer: APPLE.team_id,
    audience: 'https://appleid.apple.com',
    subject: APPLE.client_id,
  });
  const lives = (payload.exp ?? 0) - (payload.iat ?? 0);
  return decodeProtectedHeader(given).kid === APPLE.key_id && lives > 0 && lives <= 15_777_000;
}

export interface Presets {
  readonly world: UpstreamWorld;
  readonly oidc: Readonly<
    Record<'google' | 'microsoft' | 'apple' | 'gitlab' | 'facebook' | 'linkedin', OidcServer>
  >;
  readonly oauth2: Readonly<Record<'github' | 'discord', OAuth2Server>>;
}

export function presetWorld(): Presets {
  const world = new UpstreamWorld();
  const oidc = {
    // https://accounts.google.com/.well-known/openid-configuration
    google: new OidcServer({
      issuer: 'https://accounts.google.com',
      authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
      tokenEndpoint: 'https://oauth2.googleapis.com/token',
      jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
      userinfoEndpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
      metadata: {
        code_challenge_methods_supported: ['plain', 'S256'],
        token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      },
      claims: (person) => ({ azp: 'postern', ...person }),
    }),
    // https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration
    microsoft: new OidcServer({
      issuer: 'https://login.microsoftonline.com/common/v2.0',
      tokenIssuer: 'https://login.microsoftonline.com/{tenantid}/v2.0',
      authorizationEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
      tokenEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
      jwksUri: 'https://login.microsoftonline.com/common/discovery/v2.0/keys',
      userinfoEndpoint: 'https://graph.microsoft.com/oidc/userinfo',
      metadata: {
        token_endpoint_auth_methods_supported: [
          'client_secret_post',
          'private_key_jwt',
          'client_secret_basic',
        ],
      },
      claims: (person) => ({
        iss: `https://login.microsoftonline.com/${String(person.tid)}/v2.0`,
        ver: '2.0',
        ...person,
      }),
    }),
    // https://appleid.apple.com/.well-known/openid-configuration
    apple: new OidcServer({
      issuer: 'https://appleid.apple.com',
      authorizationEndpoint: 'https://appleid.apple.com/auth/authorize',
      tokenEndpoint: 'https://appleid.apple.com/auth/token',
      jwksUri: 'https://appleid.apple.com/auth/keys',
      clientSecret: isAppleSecret,
      metadata: {
        response_modes_supported: ['query', 'fragment', 'form_post'],
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        userinfo_endpoint: undefined,
      },
      claims: (person) => ({ nonce_supported: true, real_user_status: 2, ...person }),
    }),
    // https://gitlab.com/.well-known/openid-configuration
    gitlab: new OidcServer({
      issuer: 'https://gitlab.com',
      authorizationEndpoint: 'https://gitlab.com/oauth/authorize',
      tokenEndpoint: 'https://gitlab.com/oauth/token',
      jwksUri: 'https://gitlab.com/oauth/discovery/keys',
      userinfoEndpoint: 'https://gitlab.com/oauth/userinfo',
      metadata: {
        code_challenge_methods_supported: ['plain', 'S256'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      },
    }),
    // https://developers.facebook.com/docs/facebook-login/guides/advanced/oidc-token
    facebook: new OidcServer({
      issuer: 'https://www.facebook.com',
      authorizationEndpoint: 'https://www.facebook.com/dialog/oauth',
      tokenEndpoint: 'https://graph.facebook.com/oauth/access_token',
      jwksUri: 'https://www.facebook.com/.well-known/oauth/openid/jwks/',
      discovery: null,
    }),
    // https://www.linkedin.com/oauth/.well-known/openid-configuration
    linkedin: new OidcServer({
      issuer: 'https://www.linkedin.com/oauth',
      authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
      tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
      jwksUri: 'https://www.linkedin.com/oauth/openid/jwks',
      userinfoEndpoint: 'https://api.linkedin.com/v2/userinfo',
      ignoresNonce: true,
      refusesPkce: true,
    }),
  };
  const oauth2 = {
    // https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
    github: new OAuth2Server({
      authorizationEndpoint: 'https://github.com/login/oauth/authorize',
      tokenEndpoint: 'https://github.com/login/oauth/access_token',
      api: {
        'https://api.github.com/user': ({ sub, emails: _emails, ...more }) => ({ id: Number(sub), ...more }),
        'https://api.github.com/user/emails': ({ emails }: Person) => emails ?? [],
      },
    }),
    // https://discord.com/developers/docs/topics/oauth2
    discord: new OAuth2Server({
      authorizationEndpoint: 'https://discord.com/oauth2/authorize',
      tokenEndpoint: 'https://discord.com/api/oauth2/token',
      api: { 'https://discord.com/api/v10/users/@me': ({ sub, ...more }) => ({ id: sub, ...more }) },
    }),
  };
  for (const server of [...Object.values(oidc), ...Object.values(oauth2)]) world.add(server);
  return { world, oidc, oauth2 };
}
