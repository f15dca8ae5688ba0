/** Clients of an app in the form the engine takes: registered names, secrets as hashes only. */
import type { ClientMetadata } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { ClientSettings } from '../config/schema.ts';
import { type ClientSecret, hashedSecret } from './client-authentication.ts';
import { OIDC_SCOPES } from './resources.ts';

/** Postern's own client keys; they are no registered metadata. */
export const OWN_CLIENT_KEYS = [
  'first_party',
  'finish_in',
  'allowed_origins',
  'refresh_tokens',
  'refresh_token_rotation',
  'require_pkce',
  'secrets',
] as const;

export function engineClients(app: App): ClientMetadata[] {
  return Object.entries(app.settings.clients).map(([client_id, settings]) => {
    const { client_secret: _, client_secret_hash: __, client_secrets: ___, ...metadata } = settings;
    const secrets = secretsOf(settings);
    const known = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
    return {
      ...known,
      ...(metadata.scope === undefined ? {} : { scope: oidcPart(metadata.scope) }),
      client_id,
      client_name: metadata.client_name ?? app.settings.name,
      // The engine would add the code grant to whoever has its response type.
      response_types: settings.grant_types.includes('authorization_code') ? ['code'] : [],
      // It asks for one; which of them is presented is decided in client-authentication.ts.
      ...(secrets[0] === undefined ? {} : { client_secret: secrets[0].hash, secrets }),
    } as ClientMetadata; // the schema has checked names and types
  });
}

/**
 * The engine knows the scopes of OpenID Connect only, and takes an empty list for no limit; those of resources are limited in
 * `resources.ts`.
 */
function oidcPart(scope: string): string {
  const named = scope.split(' ').filter((one) => OIDC_SCOPES.some((known) => known === one));
  return named.join(' ') || 'openid';
}

function secretsOf(settings: ClientSettings): readonly ClientSecret[] {
  const all = [settings, ...(settings.client_secrets ?? [])];
  return all.flatMap(({ client_secret, client_secret_hash, ...more }) => {
    const hash =
      client_secret_hash ?? (client_secret === undefined ? undefined : hashedSecret(client_secret));
    return hash === undefined
      ? []
      : [{ hash, expiresAt: 'expires_at' in more ? more.expires_at : undefined }];
  });
}
