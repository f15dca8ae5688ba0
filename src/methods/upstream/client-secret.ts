/** Apple's client secret: a JWT under the team's key, made anew each time, so that none lies about for six months. */
import { importPKCS8, SignJWT } from 'jose';
import type { ProviderSettings } from './settings.ts';

const LIFETIME_S = 300;

/** Throws when the key is no PKCS#8 text of an EC P-256 key. */
export async function appleClientSecret(settings: ProviderSettings, nowMs: number): Promise<string> {
  const { private_key: pem = '', key_id: kid = '', team_id: team = '', client_id: client } = settings;
  // One line, as environment variables have it, is as good as many.
  const key = await importPKCS8(pem.replaceAll('\\n', '\n'), 'ES256');
  const now = Math.floor(nowMs / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(team)
    .setSubject(client)
    .setAudience('https://appleid.apple.com')
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME_S)
    .sign(key);
}
