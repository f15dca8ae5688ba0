/**
 * Tokens that a service asks for in its own name (RFC 6749 §4.4): for no person, hence without the scopes of OpenID
 * Connect, without a refresh token, and known to the audit log. `sub` of a JWT is the client itself (RFC 9068 §2.2).
 */
import { errors, Provider } from 'oidc-provider';
import type { AuditEntry } from '../audit/events.ts';
import { base, type EngineModel } from './engine-models.ts';
import { OIDC_SCOPES } from './resources.ts';

interface EngineClientCredentials extends EngineModel {
  readonly clientId: string;
  readonly scope?: string;
  readonly aud?: string | readonly string[];
  readonly resourceServer?: { readonly scopes: ReadonlySet<string> };
  save(): Promise<string>;
}

interface ClientCredentialsDeps {
  record(entry: AuditEntry): Promise<unknown>;
}

export function clientCredentials(provider: Provider, { record }: ClientCredentialsDeps) {
  return class ClientCredentials extends base<EngineClientCredentials>(provider.ClientCredentials) {
    override async save(): Promise<string> {
      // The engine drops what the resource does not offer, and without a resource gives whatever was asked.
      const offered = this.resourceServer?.scopes;
      for (const scope of askedScopes()) {
        if (OIDC_SCOPES.some((known) => known === scope)) {
          throw new errors.InvalidScope('a service has no scopes of a person', scope);
        }
        if (!offered?.has(scope))
          throw new errors.InvalidScope('no resource of this request offers it', scope);
      }
      const { clientId, aud, scope } = this;
      const [value] = await Promise.all([
        super.save(),
        record({
          type: 'token.service_issued',
          clientId,
          resource: [aud].flat().join(' ') || undefined,
          scopes: scope?.split(' ') ?? [],
        }),
      ]);
      return value;
    }
  };
}

/** As they were sent: of the parameters the engine has taken out by now what it does not know. */
function askedScopes(): readonly string[] {
  const scope = Provider.ctx?.oidc?.body?.scope;
  return typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
}
