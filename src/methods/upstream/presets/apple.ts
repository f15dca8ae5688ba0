/**
 * Sign in with Apple.
 * Facts: https://developer.apple.com/documentation/signinwithapplerestapi/authenticating-users-with-sign-in-with-apple
 *   and https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
 * Button: https://developer.apple.com/design/human-interface-guidelines/sign-in-with-apple
 */
import { type Claims, OIDC, type OidcProvider, standardReading } from '../provider.ts';

export const apple = (): OidcProvider => ({
  ...OIDC,
  label: 'Apple',
  icon: 'apple',
  issuer: 'https://appleid.apple.com',
  scopes: ['openid', 'email', 'name'],
  // Apple answers by form as soon as name or address is asked for.
  responseMode: 'form_post',
  clientAuth: 'apple',
  read: (claims) => ({ ...standardReading(claims), isEmailVerified: isVerified(claims) }),
});

/** Documented as "a string or a Boolean value"; in Apple's own signed token, beside the address. */
const isVerified = ({ email_verified: verified }: Claims): boolean =>
  verified === true || verified === 'true';
