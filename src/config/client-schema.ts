/**
 * One client in the configuration file: metadata by its registered names (RFC 7591 §2, OpenID Connect Registration §2)
 * and Postern's own, which stand last. Every name is listed: one that nothing honours is a fault, not a silent promise.
 * What needs the whole file or the environment is checked in `check-clients.ts`.
 */
import { z } from 'zod';
import { parseEmailAddress } from '../core/email-address.ts';
import { keySet } from './client-keys.ts';
import { FROM_ENVIRONMENT, text, urlOf, webUrl } from './fields.ts';

const secretText = z
  .string()
  .regex(/^[\x21-\x7e]*$/, 'printable ASCII without spaces')
  .min(32)
  .max(500)
  .optional()
  .describe(
    `At least 32 random characters, or ${FROM_ENVIRONMENT}. Only its hash is kept in memory and store.`,
  );

const secretHash = z
  .string()
  .regex(/^sha256:[A-Za-z0-9_-]{43}$/, 'must be sha256: and 43 characters of base64url')
  .optional()
  .describe(
    '`sha256:` and the base64url SHA-256 of a random secret, so that the file need not hold the secret itself: `npm run postern -- secret client` makes both.',
  );

const uris = () => z.array(z.string().min(1).max(2000)).max(50);

export const client = z
  .strictObject({
    client_name: text(100).optional().describe('What people read; default: the name of the app.'),
    redirect_uris: uris()
      .default([])
      .describe(
        'Where a sign-in may return to, compared exactly (OA-01). https; for `native` clients also http on 127.0.0.1 or [::1] (any port) and a private-use scheme with a dot (RFC 8252); in development also http on localhost.',
      ),
    post_logout_redirect_uris: uris()
      .optional()
      .describe('Where a sign-out may return to; the same rules as for `redirect_uris`.'),
    token_endpoint_auth_method: z
      .enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])
      .default('client_secret_basic')
      .describe(
        '`none` for a public client (browser, mobile, command line); `private_key_jwt` needs `jwks` or `jwks_uri`, the others a secret.',
      ),
    grant_types: z
      .array(z.enum(['authorization_code', 'refresh_token', 'client_credentials']))
      .min(1)
      .refine(
        (types) => !types.includes('refresh_token') || types.includes('authorization_code'),
        'must hold authorization_code: there is nothing else to refresh',
      )
      .default(['authorization_code', 'refresh_token'])
      .describe(
        'Leave `refresh_token` out for a client that must not renew its tokens; `client_credentials` gives a service tokens of its own.',
      ),
    response_types: z.array(z.literal('code')).length(1).default(['code']).describe('Only the code flow.'),
    application_type: z
      .enum(['web', 'native'])
      .default('web')
      .describe('`native` for apps on a device: allows loopback and private-use redirect URIs (OA-02).'),
    scope: z
      .string()
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'scopes separated by one space')
      .optional()
      .describe(
        'Scopes the client may ask for, those of resources too, separated by a space; default: all. `openid` is always among them.',
      ),
    client_uri: webUrl().optional().describe('Home page of the client: the way back from a page of Postern.'),
    backchannel_logout_uri: webUrl()
      .optional()
      .describe(
        'Told by a POST when a session ends in which this client had a login (OpenID Back-Channel Logout). https, at a public address or one of OUTBOUND_ALLOW.',
      ),
    backchannel_logout_session_required: z
      .boolean()
      .default(false)
      .describe('Accepted for clients that ask for it: logout tokens always name the session (`sid`).'),
    initiate_login_uri: urlOf(['https:'], 'must be an https:// URL (OpenID Connect Registration §2)')
      .optional()
      .describe('Where the client starts a sign-in afresh; needed for "continue on this device".'),
    logo_uri: webUrl()
      .optional()
      .describe('Never fetched nor shown by Postern (OA-39, WB-03); for tools that read metadata.'),
    policy_uri: webUrl().optional().describe('Privacy policy of the client.'),
    tos_uri: webUrl().optional().describe('Terms of service of the client.'),
    contacts: z
      .array(
        z.string().refine((address) => parseEmailAddress(address) !== undefined, 'must be an email address'),
      )
      .max(10)
      .optional()
      .describe('Addresses of the people who run the client.'),
    id_token_signed_response_alg: z
      .enum(['RS256', 'ES256'])
      .default('RS256')
      .describe('How ID tokens for this client are signed.'),
    default_max_age: z
      .int()
      .min(0)
      .max(31_536_000)
      .optional()
      .describe('Seconds after which a session is too old and the person signs in again.'),
    require_auth_time: z.boolean().default(false).describe('Whether ID tokens always carry `auth_time`.'),
    subject_type: z.literal('public').default('public').describe('One `sub` per user and app.'),
    client_secret: secretText,
    client_secret_hash: secretHash,
    client_secrets: z
      .array(
        z.strictObject({
          client_secret: secretText,
          client_secret_hash: secretHash,
          expires_at: z.iso
            .datetime({ offset: true, error: 'must be a moment such as 2027-01-31T12:00:00Z' })
            .transform((written) => Date.parse(written))
            .optional()
            .describe('From then on it is refused; default: never.'),
        }),
      )
      .min(1)
      .max(2)
      .optional()
      .describe(
        'Two secrets at a time, so that one can be exchanged without an interruption: put the new one in, change the client, take the old one out.',
      ),
    jwks: keySet.optional(),
    jwks_uri: urlOf(['https:', 'http:'], 'must be an https:// URL without credentials')
      .optional()
      .describe(
        'Where the client publishes its keys instead of `jwks`; asked at most once a minute, at public addresses only (see OUTBOUND_ALLOW).',
      ),
    token_endpoint_auth_signing_alg: z
      .enum(['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'])
      .optional()
      .describe('The one algorithm of its assertions; default: that of the key.'),
    require_pushed_authorization_requests: z
      .boolean()
      .default(false)
      .describe('Whether every authorization request has to be pushed first (RFC 9126).'),
    dpop_bound_access_tokens: z
      .boolean()
      .default(false)
      .describe('Whether every access token is bound to a key of the client (RFC 9449).'),
    require_pkce: z
      .boolean()
      .default(true)
      .describe(
        'false lets a client with a secret or key that predates PKCE go on without it; never for public clients (OA-04).',
      ),
    first_party: z.boolean().default(true).describe('First-party clients are not asked for consent.'),
    finish_in: z
      .enum(['auto', 'waiting', 'link'])
      .optional()
      .describe('Which tab returns to the client (default: `waiting` for native clients, else `auto`).'),
    refresh_tokens: z
      .enum(['always', 'offline_access'])
      .default('always')
      .describe(
        'When a client with the grant type gets one: at every sign-in, or only if the scope `offline_access` was granted, which needs `prompt=consent` (OpenID Connect Core §11).',
      ),
    refresh_token_rotation: z
      .boolean()
      .default(true)
      .describe(
        'Whether each refresh gives a new refresh token (OA-20). `false` is for confidential clients only, such as those of FAPI 2.0: the token stays the same, and its idle life begins anew with each use.',
      ),
    allowed_origins: z
      .array(z.string().max(300))
      .max(50)
      .default([])
      .describe('Browser origins, such as https://app.example, that may call token and userinfo (CORS).'),
  })
  .describe('Client metadata by its registered names (RFC 7591 §2).');

export type ClientSettings = z.output<typeof client>;
