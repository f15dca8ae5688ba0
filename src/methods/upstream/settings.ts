/** `methods.upstream` of an app. What a provider needs beside its shape is checked in `config/check-upstream.ts`. */
import { z } from 'zod';
import { domain, text, webUrl } from '../../config/fields.ts';

export const PRESET_NAMES = [
  'google',
  'microsoft',
  'apple',
  'github',
  'gitlab',
  'discord',
  'facebook',
  'linkedin',
] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** Decided by Postern alone: an operator's parameter must not take them over. */
export const OWN_PARAMETERS: readonly string[] = [
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
];

/** Where a field of the provider's answer stands: `id`, or `data.user.id` for one further inside. */
const field = () =>
  z
    .string()
    .regex(
      /^[A-Za-z0-9_-]{1,60}(\.[A-Za-z0-9_-]{1,60}){0,4}$/,
      'the name of a field such as id or data.user.id',
    );

const oauth2 = z
  .strictObject({
    authorization_endpoint: webUrl().describe('Where the browser goes.'),
    token_endpoint: webUrl().describe('Where the code is redeemed.'),
    userinfo_endpoint: webUrl().describe('What tells who signed in, as JSON, for the access token.'),
    mapping: z
      .strictObject({
        subject: field()
          .default('id')
          .describe('What never changes for a person and is never given to another; text or a whole number.'),
        email: field()
          .default('email')
          .describe('Filled into the email field; it still has to be proved here.'),
        name: field().default('name').describe('What the person is called there.'),
      })
      .prefault({})
      .describe('Which field of that answer is what.'),
  })
  .describe('An OAuth 2.0 server that speaks no OpenID Connect.');

const provider = z
  .strictObject({
    preset: z
      .enum(PRESET_NAMES)
      .optional()
      .describe('A provider that Postern knows; see docs/guide/upstream.md.'),
    issuer: webUrl()
      .optional()
      .describe('Any OpenID Connect issuer; everything else is discovered there at the first sign-in.'),
    oauth2: oauth2.optional(),
    label: text(40).optional().describe('Name on the button: Continue with …; presets have one.'),
    client_id: text(500).describe('As the provider gave it.'),
    client_secret: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .describe('As the provider gave it; not for Apple, which takes `private_key`.'),
    private_key: z
      .string()
      .min(1)
      .max(10_000)
      .optional()
      .describe('Apple: the PKCS#8 key (.p8) that the client secret is made with, anew for each sign-in.'),
    key_id: text(100).optional().describe('Apple: id of that key.'),
    team_id: text(100).optional().describe('Apple: id of the developer team.'),
    tenant: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,100}$/, 'common, organizations, consumers, or the id or domain of a tenant')
      .optional()
      .describe(
        'Microsoft: `organizations` (work and school), `consumers` (private), `common` (both; the default), or one tenant.',
      ),
    allowed_tenants: z
      .array(z.guid())
      .min(1)
      .max(500)
      .optional()
      .describe('Microsoft: only accounts of these tenants, by tenant id.'),
    hosted_domain: domain.optional().describe('Google: only accounts of this Google Workspace.'),
    base_url: webUrl().optional().describe('GitLab or GitHub of your own, such as https://git.example.com.'),
    scopes: z
      .array(
        z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'a scope is printable ASCII without spaces'),
      )
      .min(1)
      .max(50)
      .optional()
      .describe('What is asked for, in place of what sign-in needs.'),
    parameters: z
      .record(
        z.string().regex(/^[a-z0-9_]{1,60}$/, 'the name of a parameter'),
        text(200).describe('Its value.'),
      )
      .default({})
      .refine((given) => Object.keys(given).every((name) => !OWN_PARAMETERS.includes(name)), {
        message: `may not hold what Postern decides: ${OWN_PARAMETERS.join(', ')}`,
      })
      .describe('Sent along to the authorization endpoint, such as `prompt: select_account`.'),
    token_endpoint_auth_method: z
      .enum(['client_secret_basic', 'client_secret_post', 'none'])
      .optional()
      .describe('How the client secret is sent; default: what the provider says it takes.'),
    pkce: z
      .boolean()
      .default(true)
      .describe(
        'Turn it off only for a server that refuses it; then only `nonce` and the browser protect the code.',
      ),
    authoritative: z
      .boolean()
      .default(false)
      .describe(
        'Whether an address in a signed token of this provider counts as proved when the token says `email_verified: true`. Otherwise the mailbox is proved here once, before a person is linked (AC-05).',
      ),
  })
  .describe('One provider.');

export const upstreamSettings = z
  .strictObject({
    providers: z
      .record(
        z
          .string()
          .regex(
            /^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$/,
            'a name has 1 to 30 of a-z, 0-9 and -, as in its callback',
          ),
        provider,
      )
      .refine((providers) => Object.keys(providers).length > 0, {
        message: 'at least one provider is needed',
      })
      .describe(
        'Each under a name of your choice, in the order of the buttons; register `{issuer}/callback/{name}` at the provider. Renaming one unlinks its people.',
      ),
  })
  .describe('Sign-in through other OpenID Connect and OAuth 2.0 providers.');

export type ProviderSettings = z.output<typeof provider>;
