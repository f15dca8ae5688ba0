/**
 * Values that may be seen once: the `jti` of DPoP proofs and of client assertions. The engine looks and then saves, so that
 * two at the same moment both pass (OA-19, OA-35); here one insert decides, for all processes, and the engine gives the
 * loser the error that fits the endpoint.
 */
import type { Provider } from 'oidc-provider';
import { SECOND } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import { base, type EngineModel } from './engine-models.ts';

/** A proof may be dated as far ahead as behind (RFC 9449 §11.1), and the engine remembers it for one of the two. */
const AHEAD_S = 300;

export function replayDetection(provider: Provider) {
  return class ReplayDetection extends base<EngineModel>(provider.ReplayDetection) {
    /** @param exp seconds since the epoch, after which the value is refused anyway */
    static unique(iss: string, jti: string, exp: number): Promise<boolean> {
      // Framed: one client's name and another's value must not make the same text.
      return ReplayDetection.adapter.claim(hashOf(iss, jti), (exp + AHEAD_S) * SECOND);
    }
  };
}
