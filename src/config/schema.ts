/**
 * The configuration file as one schema: types, `config/schema.json` and the reference page are made from it.
 * Owns the shape and the defaults; `load.ts` owns reading, `environment.ts` what differs per machine.
 */
import { z } from 'zod';

/** Durations are written as `30s`, `10m`, `12h`, `30d`; they are read into milliseconds. */
const DURATION = /^(\d{1,6})(s|m|h|d)$/;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function duration(bounds: { min: string; max: string; fallback: string }) {
  const [min, max] = [durationMs(bounds.min), durationMs(bounds.max)];
  return z
    .string()
    .regex(DURATION, 'write a duration as a number and s, m, h or d, such as 10m')
    .refine((text) => !DURATION.test(text) || (durationMs(text) >= min && durationMs(text) <= max), {
      message: `between ${bounds.min} and ${bounds.max}`,
    })
    .default(bounds.fallback)
    .transform(durationMs);
}

function durationMs(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

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

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'no control characters');
const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'a colour as #rrggbb');

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
      .describe('Shown on the pages, not in mail. Data URL, so that no other origin is asked (WB-03).'),
    support: z
      .url({ protocol: /^(https|mailto)$/ })
      .optional()
      .describe('Where a stuck person finds help.'),
  })
  .prefault({});

const client = z
  .looseObject({
    client_name: text(100).optional(),
    redirect_uris: z.array(z.string().min(1).max(2000)).max(50).default([]),
    post_logout_redirect_uris: z.array(z.string().min(1).max(2000)).max(50).optional(),
    token_endpoint_auth_method: z
      .enum(['none', 'client_secret_basic', 'client_secret_post'])
      .default('client_secret_basic'),
    grant_types: z
      .array(z.enum(['authorization_code', 'refresh_token']))
      .default(['authorization_code', 'refresh_token']),
    response_types: z.array(z.literal('code')).default(['code']),
    application_type: z.enum(['web', 'native']).default('web'),
    client_uri: z.url({ protocol: /^https?$/ }).optional(),
    initiate_login_uri: z.url({ protocol: /^https?$/ }).optional(),
    client_secret: z
      .string()
      .min(32)
      .max(500)
      .optional()
      .describe('At least 32 random characters; only its hash is kept in memory and store.'),
    client_secret_hash: z
      .string()
      .regex(/^sha256:[A-Za-z0-9_-]{43}$/)
      .optional()
      .describe(
        '`sha256:` and the base64url SHA-256 of a random secret, so that the file need not hold the secret itself.',
      ),
    first_party: z.boolean().default(true).describe('First-party clients are not asked for consent.'),
    finish_in: z
      .enum(['auto', 'waiting', 'link'])
      .optional()
      .describe('Which tab returns to the client (default: `waiting` for native clients, else `auto`).'),
    allowed_origins: z
      .array(z.url({ protocol: /^https?$/ }))
      .max(50)
      .default([])
      .describe('Browser origins that may call token and userinfo (CORS).'),
  })
  .describe('Client metadata by its registered names (RFC 7591 §2).');

const signUp = z.union([
  z.literal('open'),
  z.literal('invited'),
  z.strictObject({
    domains: z
      .array(
        z
          .string()
          .toLowerCase()
          .regex(/^[a-z0-9.-]+\.[a-z0-9-]+$/),
      )
      .min(1)
      .max(500),
  }),
]);

const magicLink = z.strictObject({
  lifetime: duration({ min: '1m', max: '10m', fallback: '10m' }).describe(
    'Of link and code, from the moment of asking (ASVS 6.5.5: at most 10 minutes).',
  ),
  code: z
    .boolean()
    .default(true)
    .describe('Whether the mail carries an 8-digit code beside the link (ML-41).'),
  link_secret: z
    .union([
      z.enum(['fragment', 'path']),
      z.strictObject({ path_for: z.array(z.string().toLowerCase()).min(1).max(500) }),
    ])
    .default('fragment')
    .describe('`path` for recipients whose mail gateway cuts fragments off, or only for the domains named.'),
});

const mail = z
  .strictObject({
    from: text(320)
      .optional()
      .describe(
        '`Name <address>` or an address; default: the app name and `no-reply@` the host of its issuer.',
      ),
    smtp_url: z
      .url({ protocol: /^smtps?$/ })
      .optional()
      .describe('`smtp://user:pass@host:587` or `smtps://…`; default: SMTP_URL.'),
  })
  .prefault({});

const lifetimes = z
  .strictObject({
    session: duration({ min: '5m', max: '365d', fallback: '14d' }),
    access_token: duration({ min: '30s', max: '24h', fallback: '10m' }),
    id_token: duration({ min: '30s', max: '24h', fallback: '1h' }),
    refresh_token_idle: duration({ min: '1m', max: '365d', fallback: '14d' }),
    refresh_token_absolute: duration({ min: '1m', max: '3650d', fallback: '90d' }),
    refresh_token_grace: duration({ min: '0s', max: '60s', fallback: '30s' }).describe(
      'Within it a lost reply may be asked for again; 0s = strict single use.',
    ),
  })
  .prefault({});

/** Numbers of one app's budgets; the rules themselves stand in `src/limits`. */
const limits = z
  .strictObject({
    resend_after: duration({ min: '0s', max: '10m', fallback: '30s' }),
    mails_per_mailbox: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10)
      .describe('In ten minutes, over all apps that keep the default.'),
  })
  .prefault({});

const app = z
  .strictObject({
    name: text(60),
    issuer: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Own issuer, such as https://auth.shop.example; default {BASE_URL}/{slug}.'),
    locale: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)
      .default('en')
      .describe('Used when neither ui_locales nor Accept-Language names a language we have.'),
    brand,
    sign_up: signUp.default('open'),
    methods: z
      .strictObject({ magic_link: magicLink.prefault({}).optional() })
      .default({ magic_link: magicLink.parse({}) }),
    mail,
    lifetimes,
    limits,
    clients: z.record(z.string().regex(/^[\x21-\x7e]{1,200}$/), client).default({}),
  })
  .describe('One product: its own issuer, users, keys, brand, mail, methods and limits.');

export const configFile = z.strictObject({
  apps: z
    .record(z.string(), app)
    .refine(
      (apps) => Object.keys(apps).every((slug) => SLUG.test(slug)),
      'a slug has 1 to 40 of a-z, 0-9 and -',
    )
    .refine(
      (apps) => !Object.keys(apps).some((slug) => (RESERVED_SLUGS as readonly string[]).includes(slug)),
      `these slugs are reserved: ${RESERVED_SLUGS.join(', ')}`,
    ),
});

export type ConfigFile = z.output<typeof configFile>;
export type AppSettings = ConfigFile['apps'][string];
export type ClientSettings = AppSettings['clients'][string];
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
  readonly apps: Readonly<Record<string, AppSettings>>;
}
