/** Checks what an authenticator answers when somebody signs in (WebAuthn §7.2). Decides nothing about users or counters. */
import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import { binary, challengeIn, credentialIdIn } from './answer.ts';
import type { PasskeyFacts } from './passkeys.ts';
import type { RelyingPartyFacts } from './relying-party.ts';

export interface Assertion {
  readonly credentialId: string;
  readonly challenge: string;
  readonly clientData: string;
  readonly authenticatorData: string;
  readonly signature: string;
  readonly userHandle: string | undefined;
}

/** Names of the form's fields, in the order in which they are carried over a question. */
export const ASSERTION_FIELDS = [
  'id',
  'client_data',
  'authenticator_data',
  'signature',
  'user_handle',
] as const;

/** Undefined when it is none in form. */
export function readAssertion(body: Readonly<Record<string, string>>): Assertion | undefined {
  const credentialId = credentialIdIn(body);
  const clientData = binary(body, 'client_data');
  const authenticatorData = binary(body, 'authenticator_data');
  const signature = binary(body, 'signature');
  const challenge = clientData === undefined ? undefined : challengeIn(clientData);
  if (!credentialId || !clientData || !authenticatorData || !signature || !challenge) return undefined;
  const userHandle = binary(body, 'user_handle', 100);
  return { credentialId, challenge, clientData, authenticatorData, signature, userHandle };
}

export interface Verified {
  readonly counter: number;
  readonly isUserVerified: boolean;
  readonly isBackedUp: boolean;
}

/** Undefined when anything about it is not as it has to be; what it was is for nobody but the log. */
export async function verifyAssertion(
  { credentialId, challenge, ...given }: Assertion,
  passkey: Pick<PasskeyFacts, 'credentialId' | 'publicKey'>,
  rp: RelyingPartyFacts,
): Promise<Verified | { readonly refused: string }> {
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: given.clientData,
          authenticatorData: given.authenticatorData,
          signature: given.signature,
        },
      },
      expectedChallenge: challenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      expectedType: 'webauthn.get',
      requireUserVerification: rp.requiresVerification,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        // The library compares the counter before the signature: whoever knows a credential id could then have somebody
        // else's passkey suspended by an answer that nobody signed. We compare it afterwards (`Passkeys.use`).
        counter: 0,
      },
    });
    if (!verified) return { refused: 'signature' };
    const { newCounter, userVerified, credentialBackedUp } = authenticationInfo;
    return { counter: newCounter, isUserVerified: userVerified, isBackedUp: credentialBackedUp };
  } catch (error) {
    return { refused: error instanceof Error ? error.message.slice(0, 200) : 'unreadable' };
  }
}
