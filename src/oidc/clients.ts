/** Clients of an app in the form the engine takes: registered names, secrets as hashes only. */
import type { ClientMetadata } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import { hashedSecret } from './models.ts';
import { OIDC_SCOPES } from './resources.ts';

/** Postern's own client keys; they are no registered metadata. */
export const OWN_CLIENT_KEYS = [
  'first_party',
  'finish_in',
  'allowed_origins',
  'refresh_tokens',
  'refresh_token_rotation',
] as const;

export function engineClients(app: App): ClientMetadata[] {
  return Object.entries(app.settings.clients).map(([client_id, settings]) => {
    const { client_secret, client_secret_hash, ...metadata } = settings;
    const secret =
      client_secret_hash ?? (client_secret === undefined ? undefined : hashedSecret(client_secret));
    const known = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
    return {
      ...known,
      ...(metadata.scope === undefined ? {} : { scope: oidcPart(metadata.scope) }),
      client_id,
      client_name: metadata.client_name ?? app.settings.name,
      ...(secret === undefined ? {} : { client_secret: secret }),
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
