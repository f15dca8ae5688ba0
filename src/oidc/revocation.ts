/**
 * What the revocation endpoint does with a token (RFC 7009). The engine's own order, the token and then its Grant, leaves
 * the family alive when the process dies in between (OA-27). Its last question before it acts is whether it may; the
 * whole act is done here, the Grant first, and the answer is always no.
 */
import type { Families } from './families.ts';

/** The part of the engine's tokens that revocation needs. */
export interface RevocableToken {
  readonly clientId?: string | undefined;
  readonly accountId?: string | undefined;
  readonly grantId?: string | undefined;
  destroy(): Promise<void>;
}

export function revocationPolicy(families: Families) {
  return async (
    _ctx: unknown,
    client: { readonly clientId: string },
    token: RevocableToken,
  ): Promise<boolean> => {
    // Nothing is told: the answer is the same 200 as for a token that never was (RFC 7009 §2.2).
    if (token.clientId === undefined || token.clientId !== client.clientId) return false;
    if (token.grantId === undefined) await token.destroy();
    else {
      // An access token ends its family too: whoever gives one back has signed out there.
      const { grantId, clientId, accountId: userId = '' } = token;
      await families.revoke({ grantId, clientId, userId }, 'client');
    }
    return false;
  };
}
