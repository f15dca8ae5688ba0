/** Providers that are no preset: any OpenID Connect issuer, and OAuth 2.0 servers with a mapping. */
import { isFields, OIDC, type Provider, standardReading, textOf } from './provider.ts';
import type { ProviderSettings } from './settings.ts';

/** Undefined when the settings name neither; `config/check-upstream.ts` refuses such a file. */
export function generic(settings: ProviderSettings): Provider | undefined {
  const { issuer, oauth2, label, pkce } = settings;
  if (issuer !== undefined) {
    return {
      ...OIDC,
      label: label ?? new URL(issuer).hostname,
      icon: 'other',
      issuer,
      pkce,
      askAnew: { prompt: 'login' },
      tellsAuthTime: true,
      read: standardReading,
    };
  }
  if (oauth2 === undefined) return undefined;
  const { authorization_endpoint, token_endpoint, userinfo_endpoint, mapping } = oauth2;
  const site = new URL(authorization_endpoint).origin;
  return {
    protocol: 'oauth2',
    label: label ?? new URL(site).hostname,
    icon: 'other',
    issuer: site,
    metadata: { authorization_endpoint, token_endpoint },
    scopes: [],
    parameters: {},
    pkce,
    clientAuth: 'client_secret_post',
    askAnew: undefined,
    identify: async (get) => {
      const user = await get(userinfo_endpoint);
      const subject = subjectOf(valueAt(user, mapping.subject));
      if (subject === undefined) return 'bad_token';
      return {
        issuer: site,
        subject,
        email: textOf(valueAt(user, mapping.email)),
        // A server that nobody has looked at says nothing that counts as a proof.
        isEmailVerified: false,
        isSigned: false,
        name: textOf(valueAt(user, mapping.name)),
      };
    },
  };
}

/** A number beyond these bounds may stand for another one than the server meant. */
const subjectOf = (value: unknown): string | undefined =>
  Number.isSafeInteger(value) ? String(value) : textOf(value);

const valueAt = (fields: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (inner, name) => (isFields(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
      fields,
    );
