/**
 * Sign In with LinkedIn using OpenID Connect.
 * Facts: https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
 * Button: https://brand.linkedin.com/downloads
 */
import { type Claims, OIDC, type OidcProvider, standardReading } from '../provider.ts';

export const linkedin = (): OidcProvider => ({
  ...OIDC,
  label: 'LinkedIn',
  icon: 'linkedin',
  issuer: 'https://www.linkedin.com/oauth',
  signingAlg: 'RS256',
  clientAuth: 'client_secret_post',
  // Measured by many (authlib issue 763, next-auth issue 8831): its token returns no nonce, and PKCE of a web
  // application is answered with `invalid_client`. State and browser are what binds the code here.
  pkce: false,
  nonce: false,
  read: (claims) => ({ ...standardReading(claims), isEmailVerified: isVerified(claims) }),
});

/** LinkedIn sends the text `"true"` in its own signed token, beside the address. */
const isVerified = ({ email_verified: verified }: Claims): boolean =>
  verified === true || verified === 'true';
