/**
 * Pushed authorization requests (RFC 9126, OA-34): sealed, for one client, for 60 seconds, for one code.
 *
 * A request_uri may be opened again until it has given a code, so that a page that was loaded anew still works; the code
 * itself is given by one compare-and-set on the row, whichever browser or process gets there first. People take longer
 * than 60 seconds to read a mail: the row therefore outlives its own validity by that of the interactions it began.
 */
import { decodeJwt, UnsecuredJWT } from 'jose';
import { errors, Provider } from 'oidc-provider';
import { type Clock, SECOND } from '../core/clock.ts';
import { base, type EngineModel } from './engine-models.ts';

/** RFC 9126 §2.2: short, because it is used at once. The engine's own value. */
export const PUSHED_REQUEST_TTL_S = 60;

/**
 * Of a request as a JWT. For a public client anybody may push, and the row stays for two hours: at the engine's bound for
 * bodies, a stranger would fill the store with 70 KB a request. What a browser may send to `/auth` fits (RL-14).
 */
const MAX_REQUEST_CHARS = 24 * 1024;

export const requestUriOf = (id: string): string => `urn:ietf:params:oauth:request_uri:${id}`;

interface EnginePushedRequest extends EngineModel {
  request: string;
  readonly consumed?: unknown;
  save(ttl: number): Promise<string>;
}

export function pushedAuthorizationRequest(provider: Provider) {
  return class PushedAuthorizationRequest extends base<EnginePushedRequest>(
    provider.PushedAuthorizationRequest,
  ) {
    static override async find(value: string, options?: object) {
      const found = await super.find(value, options);
      const oidc = Provider.ctx?.oidc;
      // Without its row nobody can tell whether it gave a code before: the engine would take that for a no.
      if (!found && oidc?.provider === provider && oidc.route === 'resume') {
        throw new errors.InvalidRequestUri('request_uri has expired');
      }
      return found;
    }

    override async save(ttl: number): Promise<string> {
      // RFC 9126 §2.3 has this status for it.
      if (this.request.length > MAX_REQUEST_CHARS) throw new errors.InvalidRequest('request too large', 413);
      return super.save(ttl);
    }
  };
}

/**
 * The request once more from its beginning, for the person who is in the middle of it: same row, so that it still gives one
 * code at most. Undefined when it gave one, or is gone.
 */
export async function reopen(provider: Provider, id: string, clock: Clock): Promise<boolean> {
  const model = base<EnginePushedRequest>(provider.PushedAuthorizationRequest);
  if (!(await model.adapter.row(id))) return false;
  const pushed = await model.find(id, { ignoreExpiration: true });
  if (!pushed || pushed.consumed) return false;
  const now = Math.floor(clock.now() / SECOND);
  const { iat: _, nbf: __, exp: ___, ...claims } = decodeJwt(pushed.request);
  // Not signed, as the engine made it: it never leaves the sealed row.
  pushed.request = new UnsecuredJWT(claims)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + PUSHED_REQUEST_TTL_S)
    .encode();
  await pushed.save(PUSHED_REQUEST_TTL_S);
  return true;
}
