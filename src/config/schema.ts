/**
 * The configuration file as one schema: types, `config/schema.json` and the reference page are made from it.
 * Owns the shape and the defaults; `load.ts` owns reading, `environment.ts` what differs per machine.
 */
import { z } from 'zod';
import { parseEmailAddress } from '../core/email-address.ts';
import { METHODS } from '../methods/index.ts';
import { client } from './client-schema.ts';
import {
  colour,
  domain,
  duration,
  FROM_ENVIRONMENT,
  isMailbox,
  isSmtpUrl,
  SMTP_FORM,
  text,
  urlOf,
  webUrl,
} from './fields.ts';
import { mailLogo } from './mail-logo-schema.ts';
import { resource, resourceIdentifier } from './resource-schema.ts';
import { locales, texts } from './texts-schema.ts';
import { dkim, transport } from './transport-schema.ts';

/** First and last character a letter or digit: a slug is a path segment and never needs escaping (MT-02, MT-03). */
export const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
export const RESERVED_SLUGS = [
  'api',
  'dev',
  'demo',
  'link',
  'interaction',
  'public',
  'health',
  'metrics',
  '.well-known',
] as const;

const brand = z
  .strictObject({
    accent: colour
      .default('#4f46e5')
      .describe('Colour of buttons and links; the text on it is chosen for contrast.'),
    logo: z
      .string()
      .regex(
        /^data:image\/(svg\+xml|png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/,
        'a data: URL of an SVG, PNG, JPEG or WebP image',
      )
      .max(200_000)
      .optional()
      .describe(
        'Shown on the pages; for mails there is `mail_logo`. Data URL, so that no other origin is asked (WB-03).',
      ),
    mail_logo: mailLogo.optional(),
    support: urlOf(['https:', 'mailto:'], 'must be an https:// or mailto: URL')
      .optional()
      .describe('Where a stuck person finds help.'),
  })
  .prefault({})
  .describe('How the pages and mails of this app look.');

const signUp = z.union([
  z.literal('open'),
  z.literal('invited'),
  z.strictObject({
    domains: z.array(domain).min(1).max(500).describe('Only addresses of exactly these domains may sign up.'),
  }),
]);

type MethodSettings = {
  readonly [Definition in (typeof METHODS)[number] as Definition['name']]: z.ZodOptional<
    Definition['settings']
  >;
};

const methodNames = METHODS.map(({ name }) => name);

const methods = z
  // What the list holds, name by name; `fromEntries` forgets it.
  .strictObject(
    Object.fromEntries(METHODS.map(({ name, settings }) => [name, settings.optional()])) as MethodSettings,
  )
  .refine((chosen) => Object.values(chosen).some((method) => method !== undefined), {
    message: 'at least one method is needed, or nobody can sign in: magic_link: {}',
  });

/** RFC 5321 §4.5.3.1.1: what is put behind it fills the local part up to 64. */
const isBounceAddress = (written: string): boolean =>
  parseEmailAddress(written)?.address === written && /^[^@+]{1,11}@/.test(written);

const suppression = z
  .strictObject({
    bounced: duration({ min: '1d', max: '3650d', fallback: '90d' }).describe(
      'How long an address gets no mail after a provider said that there is no such mailbox.',
    ),
    complained: duration({ min: '1d', max: '3650d', fallback: '365d' }).describe(
      'How long an address gets no mail after its owner called a mail of ours spam.',
    ),
    soft_bounce_days: z
      .int()
      .min(0)
      .max(14)
      .default(5)
      .describe(
        'On how many days out of fourteen an address may refuse for the time being before it gets no mail for fourteen days; 0 = never.',
      ),
  })
  .prefault({})
  .describe('Which addresses get no mail for a while; `npm run postern -- mail suppressions list <app>`.');

const mail = z
  .strictObject({
    from: text(320)
      .refine(isMailbox, 'must be `Name <address>` or an address')
      .optional()
      .describe(
        '`Name <address>` or an address; default: the app name and `no-reply@` the host of its issuer.',
      ),
    smtp_url: z
      .string()
      .max(2000)
      .refine(isSmtpUrl, SMTP_FORM)
      .optional()
      .describe(
        `\`smtp://user:password@host:587\` or \`smtps://…\`, or ${FROM_ENVIRONMENT}; default: SMTP_URL.`,
      ),
    transports: z
      .array(transport)
      .min(1)
      .max(8)
      .optional()
      .describe('Ways out in order of preference, instead of `smtp_url`: when one fails, the next is taken.'),
    dkim: dkim.optional(),
    bounce_address: z
      .string()
      .max(254)
      .refine(isBounceAddress, 'an address of at most 11 characters before the @, without +')
      .optional()
      .describe(
        'Mails by SMTP are sent as `bounces+…@` of it, so that one that comes back names its mail; that domain delivers all of `bounces+…` to `npm run postern -- mail bounce`: docs/guide/mail-feedback.md. Default: that of `from`.',
      ),
    suppression,
    log_retention: duration({ min: '1h', max: '400d', fallback: '30d' }).describe(
      'How long the mail log keeps what became of a mail: times, transport, answers, the masked recipient; `npm run postern -- mail list`.',
    ),
    templates: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'Folder with own mail templates, `<kind>.<lang>.{subject,text,html}.hbs`, from the place of this file on; see docs/guide/mail-templates.md.',
      ),
    image_hosts: z
      .array(domain)
      .max(20)
      .default([])
      .describe('Where own templates may load images from; whoever runs such a host sees who opens mails.'),
  })
  .prefault({})
  .describe('Who this app writes as, and through which server.');

const lifetimes = z
  .strictObject({
    session_idle: duration({ min: '5m', max: '365d', fallback: '14d' }).describe(
      'How long the sign-in at Postern itself, in one browser, may lie unused.',
    ),
    session_absolute: duration({ min: '5m', max: '3650d', fallback: '30d' }).describe(
      'How long after signing in one has to sign in again at the latest; at least `session_idle`.',
    ),
    session_cookie: z
      .enum(['persistent', 'transient'])
      .default('persistent')
      .describe('`transient`: closing the browser ends the sign-in at Postern too.'),
    access_token: duration({ min: '30s', max: '24h', fallback: '10m' }).describe('Of each access token.'),
    id_token: duration({ min: '30s', max: '24h', fallback: '1h' }).describe('Of each ID token.'),
    refresh_token_idle: duration({ min: '1m', max: '365d', fallback: '14d' }).describe(
      'How long a refresh token may lie unused.',
    ),
    refresh_token_absolute: duration({ min: '1m', max: '3650d', fallback: '90d' }).describe(
      'How long one sign-in can be renewed at all; at least `refresh_token_idle`.',
    ),
    refresh_token_grace: duration({ min: '0s', max: '60s', fallback: '30s' }).describe(
      'Within it a lost reply may be asked for again; 0s = strict single use.',
    ),
  })
  .refine((times) => times.refresh_token_idle <= times.refresh_token_absolute, {
    message: 'must not be longer than refresh_token_absolute',
    path: ['refresh_token_idle'],
  })
  .refine((times) => times.session_idle <= times.session_absolute, {
    message: 'must not be longer than session_absolute',
    path: ['session_idle'],
  })
  .prefault({})
  .describe('How long things live.');

const signOut = z
  .strictObject({
    ends: z
      .enum(['online', 'all', 'session'])
      .default('online')
      .describe(
        'Which tokens end with the session they were given in: `online`, all but those asked for with `offline_access`; `all`; or `session`, none.',
      ),
  })
  .prefault({})
  .describe('What signing out ends.');

const keys = z
  .strictObject({
    rotate_every: z
      .union([z.literal('never'), duration({ min: '2d', max: '3650d', fallback: '90d' })])
      .prefault('90d')
      .describe('Age at which signing keys are relieved; new ones are published a day before they sign.'),
  })
  .prefault({})
  .describe('Signing keys of this app; `npm run postern -- keys rotate` does it at any time.');

const audit = z
  .strictObject({
    retention: duration({ min: '1d', max: '3650d', fallback: '400d' }).describe(
      'How long an event is kept; a change counts for events from then on.',
    ),
    log: z.boolean().default(false).describe('Whether every event also becomes a line of the log.'),
  })
  .prefault({})
  .describe('The audit log of this app: `npm run postern -- audit list`.');

/** Numbers of one app's budgets; the rules themselves stand in `src/limits`. */
const limits = z
  .strictObject({
    resend_after: duration({ min: '0s', max: '10m', fallback: '30s' }).describe(
      'Before the same mail may be asked for again; the page counts down.',
    ),
    mails_per_mailbox: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10)
      .describe('In ten minutes, over all apps that keep the default.'),
    mails_per_network: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(300)
      .describe(
        'In an hour, over all apps that keep the default, from one public IPv4 address or IPv6 /64, by browsers that have not signed in with the address before.',
      ),
    mails_per_app: z
      .int()
      .min(1)
      .max(100_000_000)
      .default(10_000)
      .describe('In an hour, by browsers that have not signed in with the address before.'),
  })
  .prefault({})
  .describe('Budgets of this app.');

const dpop = z
  .strictObject({
    nonce: z
      .enum(['off', 'optional', 'required'])
      .default('optional')
      .describe(
        '`optional` offers nonces and takes proofs without one; `required` refuses these (RFC 9449 §8).',
      ),
  })
  .prefault({})
  .describe('Tokens bound to a key of the client (DPoP).');

const slug = z
  .string()
  .regex(SLUG, 'a slug has 1 to 40 of a-z, 0-9 and -, and neither begins nor ends with -')
  .refine((written) => !(RESERVED_SLUGS as readonly string[]).includes(written), {
    message: `these slugs are reserved: ${RESERVED_SLUGS.join(', ')}`,
  });

const clientId = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'a client id has 1 to 200 printable ASCII characters, no spaces');

const app = z
  .strictObject({
    name: text(60).describe('What people read on pages and in mails.'),
    issuer: webUrl()
      .optional()
      .describe('Own issuer, such as https://auth.shop.example; default `{BASE_URL}/{slug}`.'),
    locale: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en or pt-BR')
      .default('en')
      .describe('Used when neither ui_locales nor Accept-Language names a language we have.'),
    locales,
    texts,
    brand,
    sign_up: signUp
      .default('open')
      .describe('Who may become a user: everybody, nobody new, or the owners of addresses at these domains.'),
    methods: methods.prefault({ magic_link: {} }).describe('Ways to sign in; one that is not named is off.'),
    method_order: z
      .array(z.enum(methodNames))
      .max(methodNames.length)
      .default([])
      .describe(
        'Methods to offer first, in this order; the others follow. A browser is first offered what it used last.',
      ),
    mail,
    lifetimes,
    sign_out: signOut,
    keys,
    audit,
    limits,
    dpop,
    clients: z
      .record(clientId, client)
      .default({})
      .describe('Web sites, apps and tools that send people here, each under its `client_id`.'),
    resources: z
      .record(resourceIdentifier, resource)
      .default({})
      .describe('APIs that take access tokens of this app (RFC 8707), each under its identifier.'),
  })
  .describe('One product: its own issuer, users, keys, brand, mail, methods and limits.');

export const configFile = z.strictObject({
  apps: z.record(slug, app).describe('The apps, each under its slug.'),
});

/** For faults in one part of a file that has others elsewhere: see `check-apps.ts`. */
export const appSchema = app;

export type ConfigFile = z.output<typeof configFile>;
export type AppSettings = ConfigFile['apps'][string];
export type ClientSettings = AppSettings['clients'][string];
export type MailSettings = AppSettings['mail'];
export type SignUp = AppSettings['sign_up'];

/** What `buildServer` takes: environment and file, checked, with every default filled in. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  /** Origin (scheme, host, port) of everything that has no issuer of its own; no trailing slash. */
  readonly baseUrl: string;
  readonly storeUrl: string;
  /** 32 bytes each, newest first. */
  readonly secrets: readonly Buffer[];
  readonly smtpUrl: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** CIDR blocks or addresses whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[];
  /** CIDR blocks or addresses that are not public and may yet be called for a client. */
  readonly outboundAllow: readonly string[];
  readonly apps: Readonly<Record<string, AppSettings>>;
}
