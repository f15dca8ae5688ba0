/** Asks an authenticator for a new passkey, and checks what it answers (WebAuthn §7.1). */
import { generateRegistrationOptions, verifyRegistrationResponse } from '@simplewebauthn/server';
import { binary, challengeIn, credentialIdIn } from './answer.ts';
import { authenticatorName } from './authenticators.ts';
import { CEREMONY_LIFE } from './ceremonies.ts';
import type { Passkey, PasskeyFacts } from './passkeys.ts';
import type { RelyingPartyFacts } from './relying-party.ts';

/** Ed25519, ES256, RS256: what every authenticator has one of, and nothing that SHA-1 is part of. */
export const ALGORITHMS = [-8, -7, -257];
const TRANSPORTS = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];

export interface Enrolling {
  readonly challenge: string;
  /** base64url */
  readonly handle: string;
  readonly address: string;
  readonly passkeys: readonly Pick<Passkey, 'credentialId'>[];
}

/** Options of `navigator.credentials.create`, in the form of `PublicKeyCredentialCreationOptionsJSON`. */
export function creationOptions({ challenge, handle, address, passkeys }: Enrolling, rp: RelyingPartyFacts) {
  return generateRegistrationOptions({
    rpID: rp.id,
    rpName: rp.name,
    userID: new Uint8Array(Buffer.from(handle, 'base64url')),
    userName: address,
    // Apps of one host share a relying party: the list of the password manager has to tell them apart.
    userDisplayName: `${address} (${rp.name})`,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    timeout: CEREMONY_LIFE,
    // Which make of authenticator somebody has is not ours to know; none of what we decide depends on it.
    attestationType: 'none',
    supportedAlgorithmIDs: ALGORITHMS,
    authenticatorSelection: {
      // The sign-in page names no credentials (ML-55): only a passkey that its authenticator lists itself is of use there.
      residentKey: 'required',
      userVerification: rp.requiresVerification ? 'required' : 'preferred',
    },
    excludeCredentials: passkeys.map(({ credentialId }) => ({ id: credentialId })),
  });
}

export interface Registration {
  readonly credentialId: string;
  readonly challenge: string;
  readonly clientData: string;
  readonly attestation: string;
  readonly transports: readonly string[];
}

/** Undefined when it is none in form. */
export function readRegistration(body: Readonly<Record<string, string>>): Registration | undefined {
  const credentialId = credentialIdIn(body);
  const clientData = binary(body, 'client_data');
  const attestation = binary(body, 'attestation');
  const challenge = clientData === undefined ? undefined : challengeIn(clientData);
  if (!credentialId || !clientData || !attestation || !challenge) return undefined;
  const named = (body.transports ?? '').split(',').slice(0, 20);
  const transports = TRANSPORTS.filter((transport) => named.includes(transport));
  return { credentialId, challenge, clientData, attestation, transports };
}

export type Made = PasskeyFacts & {
  /** What the list of passkeys calls it; empty when its make is not known. */
  readonly label: string;
};

export async function verifyRegistration(
  { credentialId, challenge, clientData, attestation, transports }: Registration,
  rp: RelyingPartyFacts,
): Promise<Made | { readonly refused: string }> {
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON: clientData, attestationObject: attestation },
      },
      expectedChallenge: challenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      expectedType: 'webauthn.create',
      requireUserVerification: rp.requiresVerification,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return { refused: 'attestation' };
    const { credential, aaguid, credentialDeviceType, credentialBackedUp } = registrationInfo;
    // The browser names it too; the one that is signed for counts.
    if (credential.id !== credentialId) return { refused: 'another credential id' };
    return {
      credentialId,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports,
      aaguid,
      isSyncable: credentialDeviceType === 'multiDevice',
      isBackedUp: credentialBackedUp,
      rpId: rp.id,
      label: authenticatorName(aaguid) ?? '',
    };
  } catch (error) {
    return { refused: error instanceof Error ? error.message.slice(0, 200) : 'unreadable' };
  }
}
