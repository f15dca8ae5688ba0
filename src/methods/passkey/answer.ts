/**
 * An authenticator's answer as the form of a page carries it: fields of text, read and bounded before anything is decoded.
 */
import { decodeClientDataJSON } from '@simplewebauthn/server/helpers';

/** Of each field; real answers have a few hundred bytes, with an attestation of four certificates some thousands. */
const MAX_LENGTH = 12_000;
/** WebAuthn §5.1: at most 1023 bytes. */
const MAX_CREDENTIAL_ID = 1364;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

type Fields = Readonly<Record<string, string>>;

/** Undefined when it is missing, too long or no base64url. */
export function binary(body: Fields, name: string, max = MAX_LENGTH): string | undefined {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  return value !== undefined && value.length <= max && BASE64URL.test(value) ? value : undefined;
}

export const credentialIdIn = (body: Fields): string | undefined => binary(body, 'id', MAX_CREDENTIAL_ID);

/**
 * The challenge that was signed, to look its ceremony up by; nothing else is believed before the signature is checked.
 * Undefined for what no browser makes.
 */
export function challengeIn(clientData: string): string | undefined {
  try {
    const { challenge, crossOrigin, topOrigin }: Record<string, unknown> = {
      ...decodeClientDataJSON(clientData),
    };
    // No page of ours stands in a frame of another's; the library looks only where the browser names the outer page.
    if (crossOrigin === true || topOrigin !== undefined) return undefined;
    return typeof challenge === 'string' && challenge.length <= 100 ? challenge : undefined;
  } catch {
    return undefined;
  }
}
