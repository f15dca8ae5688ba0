/**
 * GitHub and GitHub Enterprise Server. OAuth 2.0 only.
 * Facts: https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 *   and https://docs.github.com/rest/users/emails (the verified primary address)
 * Button: https://brand.github.com/foundations/logo
 */
import { isFields, type OAuth2Provider, textOf } from '../provider.ts';
import type { ProviderSettings } from '../settings.ts';

export function github({ base_url: base }: ProviderSettings): OAuth2Provider {
  const site = (base ?? 'https://github.com').replace(/\/$/, '');
  const api = base === undefined ? 'https://api.github.com' : `${site}/api/v3`;
  return {
    protocol: 'oauth2',
    label: 'GitHub',
    icon: 'github',
    issuer: site,
    metadata: {
      authorization_endpoint: `${site}/login/oauth/authorize`,
      token_endpoint: `${site}/login/oauth/access_token`,
    },
    scopes: ['read:user', 'user:email'],
    parameters: {},
    pkce: true,
    clientAuth: 'client_secret_post',
    askAnew: { prompt: 'select_account' },
    identify: async (get) => {
      const [user, emails] = await Promise.all([get(`${api}/user`), get(`${api}/user/emails`)]);
      // A login can be given up and taken by somebody else; the number cannot.
      if (!isFields(user) || !Number.isSafeInteger(user.id)) return 'bad_token';
      const primary = (Array.isArray(emails) ? emails : []).find(
        (one): one is { email: string } =>
          isFields(one) && one.primary === true && one.verified === true && textOf(one.email) !== undefined,
      );
      return {
        issuer: site,
        subject: String(user.id),
        email: primary?.email,
        isEmailVerified: primary !== undefined,
        isSigned: false,
        name: textOf(user.name) ?? textOf(user.login),
      };
    },
  };
}
