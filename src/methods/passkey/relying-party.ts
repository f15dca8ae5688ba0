/** Whom an app's passkeys belong to: relying party id, the one origin they may be used at, and the handle of a user. */
import type { App } from '../../apps/apps.ts';
import type { PasskeySettings } from './settings.ts';

export interface RelyingPartyFacts {
  /** Domain that the passkeys are bound to for ever. */
  readonly id: string;
  /** As people read it in their passkey list. */
  readonly name: string;
  /** Pages of ours stand nowhere else, so no other origin has an answer of an authenticator to give (AC-18). */
  readonly origin: string;
  readonly requiresVerification: boolean;
}

/** Throws for an app that has the method switched off: its caller has looked. */
export function settingsOf(app: App): PasskeySettings {
  const { passkey } = app.settings.methods;
  if (!passkey) throw new Error('passkeys are off in this app');
  return passkey;
}

export function relyingPartyOf(app: App): RelyingPartyFacts {
  const settings = settingsOf(app);
  return {
    id: settings.rp_id ?? new URL(app.issuer).hostname,
    name: app.settings.name,
    origin: app.origin,
    requiresVerification: settings.user_verification === 'required',
  };
}

/**
 * What an authenticator keeps of a user: random ids, nothing that names a person (WebAuthn §14.6.1), at most 64 bytes. The app
 * stands in front, because apps of one host share a relying party and an authenticator keeps one passkey per handle: without
 * it a passkey of one app could displace that of another.
 */
export const userHandle = (app: App, userId: string): string =>
  Buffer.from(`${app.id}.${userId}`, 'utf8').toString('base64url');

/** Whether this handle was given by this app, to whomever. */
export const isOwnHandle = (app: App, handle: string): boolean =>
  Buffer.from(handle, 'base64url').toString('utf8').startsWith(`${app.id}.`);
