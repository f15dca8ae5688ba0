/** `/.well-known/webauthn`: which other sites may use the passkeys of this host (WebAuthn Level 3 §5.11.1). */
import type { App } from '../apps/apps.ts';

export const RELATED_ORIGINS = '/.well-known/webauthn';

/** Of all apps of this origin whose passkeys belong to its host; undefined when none names any. */
export function relatedOrigins(apps: readonly App[], origin: string): { origins: string[] } | undefined {
  const { hostname } = new URL(origin);
  const named = apps
    .filter((app) => app.origin === origin)
    .map(({ settings }) => settings.methods.passkey)
    .filter((settings) => (settings?.rp_id ?? hostname) === hostname)
    .flatMap((settings) => settings?.related_origins ?? []);
  return named.length === 0 ? undefined : { origins: [...new Set(named)] };
}
