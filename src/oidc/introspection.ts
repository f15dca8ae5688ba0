/**
 * Who may ask about a token (RFC 7662 §4, OA-28): the resource servers that the resource names, about access tokens for it;
 * the client itself about what it was given for no resource. Everybody else reads `active: false`, as for a token that never was.
 */
import type { App } from '../apps/apps.ts';
import type { EngineUser } from './engine.ts';

/** The part of the engine's tokens that introspection looks at. */
export interface IntrospectedToken {
  readonly kind: string;
  readonly clientId?: string | undefined;
  readonly accountId?: string | undefined;
  readonly aud?: string | readonly string[] | undefined;
}

export interface IntrospectionDeps {
  findUser(app: App, id: string): Promise<EngineUser | undefined>;
}

export function introspectionPolicy(app: App, { findUser }: IntrospectionDeps) {
  return async (
    _ctx: unknown,
    client: { readonly clientId: string; readonly clientAuthMethod?: string | undefined },
    token: IntrospectedToken,
  ): Promise<boolean> => {
    // Anybody can name a public client: it would be a place to try out tokens that were found.
    if (client.clientAuthMethod === 'none' || !mayAsk(app, client.clientId, token)) return false;
    // The engine looks at token and Grant; a client or user that is gone or blocked since ends them too (OA-26).
    if (token.clientId === undefined || !Object.hasOwn(app.settings.clients, token.clientId)) return false;
    return token.accountId === undefined || (await findUser(app, token.accountId)) !== undefined;
  };
}

function mayAsk(app: App, clientId: string, { kind, clientId: owner, aud }: IntrospectedToken): boolean {
  if (kind === 'RefreshToken' || aud === undefined) return owner === clientId;
  const audiences = typeof aud === 'string' ? [aud] : aud;
  return audiences.some((one) => {
    const { resources } = app.settings;
    return Object.hasOwn(resources, one) && resources[one]?.introspection.includes(clientId) === true;
  });
}
