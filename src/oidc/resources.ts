/**
 * Resource servers of an app (RFC 8707): what an access token for one of them looks like and may do. A resource that the
 * configuration does not name, or not for this client, is `invalid_target` (OA-51).
 *
 * A resource's scopes are granted apart from those of OpenID Connect and of other resources. Where both stand in one list
 * (consent, audit), a resource's scope carries the identifier behind a space, which neither can hold.
 */
import { errors, type Grant, type KoaContextWithOIDC } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import { SECOND } from '../core/clock.ts';

type Resource = App['settings']['resources'][string];

/** One scope of one resource, as consent is recorded for it. */
export const resourceScope = (resource: string, scope: string): string => `${scope} ${resource}`;

const resourceOf = (app: App, identifier: string): Resource | undefined =>
  Object.hasOwn(app.settings.resources, identifier) ? app.settings.resources[identifier] : undefined;

const isFor = (resource: Resource, clientId: string): boolean => resource.clients?.includes(clientId) ?? true;

/** RFC 7591 §2: a client that names its scopes has no others, at resources either. */
function scopesFor(app: App, { scopes }: Resource, clientId: string): readonly string[] {
  const { clients } = app.settings;
  const limit = Object.hasOwn(clients, clientId) ? clients[clientId]?.scope?.split(' ') : undefined;
  return Object.keys(scopes).filter((scope) => limit?.includes(scope) ?? true);
}

/** The feature's options for one app. */
export function resourceIndicators(app: App) {
  return {
    enabled: true,
    /** Without `resource` a token is for userinfo only; of several that were granted, the client has to name one. */
    defaultResource: (_ctx: unknown, _client: unknown, oneOf?: readonly string[]) => oneOf,
    /** Who asked for one resource at the authorization endpoint gets its tokens without saying so again. */
    useGrantedResource: (_ctx: unknown, model: { readonly resource?: string | readonly string[] }) =>
      typeof model.resource === 'string',
    getResourceServerInfo: async (
      _ctx: unknown,
      identifier: string,
      client: { readonly clientId: string },
    ) => {
      const resource = resourceOf(app, identifier);
      if (!resource || !isFor(resource, client.clientId)) throw new errors.InvalidTarget();
      return {
        audience: identifier,
        scope: scopesFor(app, resource, client.clientId).join(' '),
        accessTokenTTL: Math.round(resource.lifetime / SECOND),
        accessTokenFormat: resource.format,
        jwt: { sign: { alg: resource.signing_alg } },
      };
    },
  };
}

/**
 * What is asked in a request: OpenID Connect scopes, and those of the resources in it, each in the form in which consent
 * is recorded. A scope that no resource of the request offers is not asked of anybody.
 */
export function askedScopes(app: App, params: Readonly<Record<string, unknown>>): readonly string[] {
  const scopes = String(params.scope ?? '')
    .split(' ')
    .filter(Boolean);
  const resources = [params.resource].flat().filter((one) => typeof one === 'string');
  const offered = (identifier: string) => Object.keys(resourceOf(app, identifier)?.scopes ?? {});
  return [
    ...scopes.filter((scope) => OIDC_SCOPES.some((known) => known === scope)),
    ...resources.flatMap((identifier) =>
      offered(identifier)
        .filter((scope) => scopes.includes(scope))
        .map((scope) => resourceScope(identifier, scope)),
    ),
  ];
}

export const OIDC_SCOPES = ['openid', 'offline_access', 'email'] as const;

/** What the configuration says of a recorded scope; undefined for those of OpenID Connect. */
export function scopeText(app: App, recorded: string): string | undefined {
  const [scope = '', identifier] = recorded.split(' ');
  return identifier === undefined ? undefined : resourceOf(app, identifier)?.scopes[scope];
}

/** Puts into a Grant the resource scopes of this request that were granted; `isGranted` is asked in the recorded form. */
export function grantResourceScopes(
  ctx: KoaContextWithOIDC,
  grant: Grant,
  isGranted: (recorded: string) => boolean,
): void {
  const { requestParamScopes, resourceServers = {} } = ctx.oidc;
  for (const [identifier, server] of Object.entries(resourceServers)) {
    const granted = [...server.scopes].filter(
      (scope) => requestParamScopes.has(scope) && isGranted(resourceScope(identifier, scope)),
    );
    if (granted.length > 0) grant.addResourceScope(identifier, granted.join(' '));
  }
}

/** When and how the person signed in, for resource servers (RFC 9068 §2.2.1); nothing for services of their own. */
export function personClaims(ctx: KoaContextWithOIDC, token: object): Record<string, unknown> | undefined {
  // Set by the engine on tokens for a resource, and on what they are made from.
  const { resourceServer, accountId } = token as { resourceServer?: object; accountId?: string };
  if (resourceServer === undefined || accountId === undefined) return undefined;
  const { AuthorizationCode: code, RefreshToken: refresh } = ctx.oidc.entities;
  const source = (code ?? refresh) as { authTime?: number; acr?: string; amr?: string[] } | undefined;
  if (!source) return undefined;
  return { auth_time: source.authTime, acr: source.acr, amr: source.amr };
}
