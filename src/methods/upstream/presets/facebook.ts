/**
 * Facebook Login, by its OpenID Connect form: signed token, nonce and PKCE.
 * Facts: https://developers.facebook.com/docs/facebook-login/guides/advanced/oidc-token
 *   and https://www.facebook.com/.well-known/openid-configuration (which names no token endpoint)
 * Button: https://developers.facebook.com/docs/facebook-login/userexperience
 */
import { OIDC, type OidcProvider, standardReading } from '../provider.ts';

export const facebook = (): OidcProvider => ({
  ...OIDC,
  label: 'Facebook',
  icon: 'facebook',
  issuer: 'https://www.facebook.com',
  metadata: {
    authorization_endpoint: 'https://www.facebook.com/dialog/oauth',
    token_endpoint: 'https://graph.facebook.com/oauth/access_token',
    jwks_uri: 'https://www.facebook.com/.well-known/oauth/openid/jwks/',
  },
  scopes: ['openid', 'email', 'public_profile'],
  signingAlg: 'RS256',
  clientAuth: 'client_secret_post',
  askAnew: { auth_type: 'reauthenticate' },
  // Its token never says whether the address was proved.
  read: (claims) => ({ ...standardReading(claims), isEmailVerified: false }),
});
