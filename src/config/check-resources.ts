/** What the resource servers of an app must keep to beyond their shape. */
import { type Fault, filePath } from './fault.ts';
import { plainHttpFault, type Surroundings } from './redirect-uri.ts';
import type { AppSettings } from './schema.ts';

/** Scopes of OpenID Connect are granted for userinfo, not for a resource: the names never mean two things. */
const GRANTED = ['openid', 'offline_access', 'email'];
const TAKEN = [...GRANTED, 'profile', 'phone', 'address'];

export function checkResources(slug: string, app: AppSettings, surroundings: Surroundings): Fault[] {
  return [...checkIdentifiers(slug, app, surroundings), ...checkClientScopes(slug, app)];
}

/** Nothing would ever grant a scope that neither OpenID Connect nor a resource of the app has. */
function checkClientScopes(slug: string, app: AppSettings): Fault[] {
  const known = new Set([
    ...GRANTED,
    ...Object.values(app.resources).flatMap(({ scopes }) => Object.keys(scopes)),
  ]);
  return Object.entries(app.clients).flatMap(([id, { scope }]) =>
    (scope?.split(' ') ?? [])
      .filter((name) => !known.has(name))
      .map((name) => ({
        path: filePath(['apps', slug, 'clients', id, 'scope']),
        message: `there is no scope ${name}: ${[...known].join(', ')}`,
      })),
  );
}

function checkIdentifiers(slug: string, app: AppSettings, surroundings: Surroundings): Fault[] {
  return Object.entries(app.resources).flatMap(([identifier, resource]) => {
    const at = (keys: readonly PropertyKey[], message: string): Fault => ({
      path: filePath(['apps', slug, 'resources', identifier, ...keys]),
      message,
    });
    const url = URL.parse(identifier);
    const plain = url && /^https?:$/.test(url.protocol) ? plainHttpFault(url, surroundings) : undefined;
    const isClient = Object.hasOwn(app.clients, identifier);
    const unknown = (key: 'clients' | 'introspection') =>
      (resource[key] ?? []).flatMap((id, index) =>
        Object.hasOwn(app.clients, id) ? [] : [at([key, index], `there is no client ${id} in this app`)],
      );
    return [
      ...(plain === undefined ? [] : [at([], plain)]),
      // RFC 9068 §2.2, OA-29: an ID token has the client as its audience, an access token never.
      ...(isClient ? [at([], 'is also the id of a client: an audience must not be both')] : []),
      ...Object.keys(resource.scopes)
        .filter((scope) => TAKEN.includes(scope))
        .map((scope) => at(['scopes', scope], 'is a scope of OpenID Connect: choose another name')),
      ...unknown('clients'),
      ...unknown('introspection'),
      ...resource.introspection.flatMap((id, index) =>
        Object.hasOwn(app.clients, id) && app.clients[id]?.token_endpoint_auth_method === 'none'
          ? [at(['introspection', index], `${id} is a public client: a resource server needs a secret`)]
          : [],
      ),
    ];
  });
}
