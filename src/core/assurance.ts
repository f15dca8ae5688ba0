/**
 * What a sign-in may claim of itself: `amr` (RFC 8176) and `acr`, computed here and nowhere else from what happened, so that
 * no method can claim more (AC-20).
 */

/** Kinds of authenticator. `otp` is a one-time code from an app; `recovery` a recovery code. */
export type FactorKind = 'mailbox' | 'password' | 'passkey' | 'upstream' | 'phone' | 'otp' | 'recovery';

/** One thing that was proved. */
export interface Factor {
  readonly kind: FactorKind;
  /** ms */
  readonly at: number;
  /** Of a passkey: its device asked for a PIN, finger or face (WebAuthn UV). */
  readonly isUserVerified?: boolean;
}

export interface Assurance {
  readonly amr: readonly string[];
  readonly acr: string;
}

export type AcrValue =
  | 'urn:postern:acr:email'
  | 'urn:postern:acr:password'
  | 'urn:postern:acr:upstream'
  | 'urn:postern:acr:phone'
  | 'urn:postern:acr:mfa'
  | 'phr';

const ACR_OF_METHOD: Readonly<Record<string, AcrValue>> = {
  upstream: 'urn:postern:acr:upstream',
  magic_link: 'urn:postern:acr:email',
  password: 'urn:postern:acr:password',
  passkey: 'phr',
};

/** What an app with these methods can reach, for its discovery document. `phr` is registered (OpenID EAP ACR Values §2). */
export const acrValuesOf = (methods: object): readonly string[] =>
  Object.entries(methods).flatMap(([name, settings]) => {
    const value = settings === undefined ? undefined : ACR_OF_METHOD[name];
    return value === undefined ? [] : [value];
  });

/** `email` and `fed` are no registered values: the registered ones would claim more than a mailbox or another server proves. */
const AMR: Readonly<Record<FactorKind, readonly string[]>> = {
  mailbox: ['email'],
  password: ['pwd'],
  passkey: ['pop', 'user'],
  upstream: ['fed'],
  phone: ['sms'],
  otp: ['otp'],
  recovery: ['rcv'],
};

/**
 * What somebody needs to steal to have it. Link and code of one mailbox are one thing; so are mailbox and password, because
 * the mailbox resets the password (NIST SP 800-63B-4 takes mail as no second factor).
 */
const GROUND: Readonly<Record<FactorKind, 'mailbox' | 'upstream' | 'device' | 'phone'>> = {
  mailbox: 'mailbox',
  password: 'mailbox',
  upstream: 'upstream',
  phone: 'phone',
  passkey: 'device',
  otp: 'device',
  recovery: 'device',
};

/** Throws on an empty list: nobody signs in by nothing. */
export function assuranceOf(factors: readonly Factor[]): Assurance {
  const kinds = new Set(factors.map(({ kind }) => kind));
  const [only] = kinds;
  if (only === undefined) throw new Error('no factor was proved');
  const amr = [...kinds].flatMap((kind) => AMR[kind]);
  const isMulti = isMultiFactor(factors);
  return { amr: isMulti ? [...amr, 'mfa'] : amr, acr: acrOf(kinds, isMulti) };
}

/** A passkey whose device verified its user is two factors by itself (NIST SP 800-63B-4 §3.1.7). */
function isMultiFactor(factors: readonly Factor[]): boolean {
  if (factors.some(({ kind, isUserVerified }) => kind === 'passkey' && isUserVerified === true)) return true;
  const grounds = new Set(factors.map(({ kind }) => GROUND[kind]));
  return grounds.has('device') && grounds.size > 1;
}

function acrOf(kinds: ReadonlySet<FactorKind>, isMulti: boolean): AcrValue {
  if (kinds.has('passkey')) return 'phr';
  if (isMulti) return 'urn:postern:acr:mfa';
  if (kinds.has('password')) return 'urn:postern:acr:password';
  if (kinds.has('mailbox')) return 'urn:postern:acr:email';
  return kinds.has('phone') ? 'urn:postern:acr:phone' : 'urn:postern:acr:upstream';
}
