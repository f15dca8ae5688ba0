/**
 * Discord. OAuth 2.0 only.
 * Facts: https://discord.com/developers/docs/topics/oauth2 and https://discord.com/developers/docs/resources/user
 * Button: https://discord.com/branding
 */
import { isFields, type OAuth2Provider, textOf } from '../provider.ts';

const API = 'https://discord.com/api/v10';

export const discord = (): OAuth2Provider => ({
  protocol: 'oauth2',
  label: 'Discord',
  icon: 'discord',
  issuer: 'https://discord.com',
  metadata: {
    authorization_endpoint: 'https://discord.com/oauth2/authorize',
    token_endpoint: 'https://discord.com/api/oauth2/token',
  },
  scopes: ['identify', 'email'],
  parameters: {},
  pkce: true,
  clientAuth: 'client_secret_post',
  // It shows its page again, with the name of whoever is signed in there.
  askAnew: { prompt: 'consent' },
  identify: async (get) => {
    const user = await get(`${API}/users/@me`);
    const subject = isFields(user) ? textOf(user.id) : undefined;
    // A snowflake: digits only, kept as text because it is larger than a number can be.
    if (!isFields(user) || subject === undefined || !/^\d{1,20}$/.test(subject)) return 'bad_token';
    return {
      issuer: 'https://discord.com',
      subject,
      email: textOf(user.email),
      isEmailVerified: user.verified === true,
      isSigned: false,
      name: textOf(user.global_name) ?? textOf(user.username),
    };
  },
});
