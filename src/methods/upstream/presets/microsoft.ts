/**
 * Microsoft Entra ID and private Microsoft accounts.
 * Facts: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
 *   and https://learn.microsoft.com/entra/identity-platform/claims-validation (issuer, tenant)
 *   and https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization (address)
 * Button: https://learn.microsoft.com/entra/identity-platform/howto-add-branding-in-apps
 */
import { type Claims, OIDC, type OidcProvider, type Reading, standardReading, textOf } from '../provider.ts';
import type { ProviderSettings } from '../settings.ts';

/** The tenant of all private accounts. */
const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';
const TENANT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const microsoft = ({ tenant = 'common', allowed_tenants }: ProviderSettings): OidcProvider => ({
  ...OIDC,
  label: 'Microsoft',
  icon: 'microsoft',
  issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
  signingAlg: 'RS256',
  askAnew: { prompt: 'login' },
  read: (claims) => readingOf(claims, tenant, allowed_tenants),
});

function readingOf(claims: Claims, tenant: string, allowed: readonly string[] | undefined): Reading {
  const tid = textOf(claims.tid) ?? '';
  // Many tenants share one set of keys: the issuer has to be that of the tenant in the same token (AC-06).
  if (!TENANT.test(tid) || claims.iss !== `https://login.microsoftonline.com/${tid}/v2.0`) return 'bad_token';
  if (tenant === 'organizations' && tid === CONSUMERS) return 'not_allowed';
  if (tenant === 'consumers' && tid !== CONSUMERS) return 'not_allowed';
  if (TENANT.test(tenant) && tid !== tenant) return 'not_allowed';
  if (allowed !== undefined && !allowed.includes(tid)) return 'not_allowed';
  return { ...standardReading(claims), isEmailVerified: isDomainOwner(claims.xms_edov) };
}

/**
 * Whatever a tenant's administrator writes stands in `email`. Only the optional claim `xms_edov` says that the tenant has
 * proved the domain of it; Microsoft sends it as a boolean, a number or the text of either.
 */
const isDomainOwner = (edov: unknown): boolean =>
  edov === true || edov === 1 || edov === '1' || edov === 'true';
