/**
 * Google. Facts: https://developers.google.com/identity/openid-connect/openid-connect
 * Button: https://developers.google.com/identity/branding-guidelines
 */
import { type Claims, OIDC, type OidcProvider, type Reading, standardReading } from '../provider.ts';
import type { ProviderSettings } from '../settings.ts';

export const google = ({ hosted_domain: hosted }: ProviderSettings): OidcProvider => ({
  ...OIDC,
  label: 'Google',
  icon: 'google',
  issuer: 'https://accounts.google.com',
  parameters: hosted === undefined ? {} : { hd: hosted },
  askAnew: { prompt: 'select_account' },
  read: (claims) => readingOf(claims, hosted),
});

function readingOf(claims: Claims, hosted: string | undefined): Reading {
  const { hd } = claims;
  // The parameter `hd` only shortens the person's choice; who really belongs there is told by the claim alone.
  if (hosted !== undefined && hd !== hosted) return 'not_allowed';
  const identity = standardReading(claims);
  // Google speaks for an address of its own and of its Workspaces. Any other was proved to it once, and may have changed
  // hands since (developers.google.com/identity/gsi/web/guides/verify-google-id-token).
  const isItsOwn = /@gmail\.com$/i.test(identity.email ?? '') || (typeof hd === 'string' && hd !== '');
  return { ...identity, isEmailVerified: identity.isEmailVerified && isItsOwn };
}
