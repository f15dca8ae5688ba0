/**
 * What the apps of one file must keep to beyond their shape: issuers that cannot be confused with one another, mail
 * that leaves the house, and the rules of `check-clients.ts`.
 */
import { bestLanguage } from '../core/languages.ts';
import { checkAddresses, checkClient } from './check-clients.ts';
import { checkPasskey } from './check-passkey.ts';
import { checkResources } from './check-resources.ts';
import { checkTransports } from './check-transports.ts';
import { checkUpstream } from './check-upstream.ts';
import { client } from './client-schema.ts';
import { type Fault, filePath } from './fault.ts';
import { plainHttpFault, type Surroundings } from './redirect-uri.ts';
import { type AppSettings, appSchema, type ConfigFile, RESERVED_SLUGS, SLUG } from './schema.ts';

export interface AppSurroundings extends Surroundings {
  readonly smtpUrl: string | undefined;
}

/**
 * @param raw the apps as the file has them, placeholders replaced
 * @param parsed the same, when the whole file has the right shape; else every part that has is checked by itself, so
 *   that one misspelt key does not hide other faults
 */
export function checkApps(
  raw: unknown,
  parsed: ConfigFile['apps'] | undefined,
  surroundings: AppSurroundings,
): Fault[] {
  const apps = entriesOf(raw);
  return [
    ...apps.flatMap(([slug, app]) => {
      const known = parsed ? parsed[slug] : appSchema.safeParse(app).data;
      return [
        ...checkMail(slug, known, surroundings),
        ...checkClients(slug, app, parsed?.[slug], surroundings),
        ...(known ? checkResources(slug, known, surroundings) : []),
        ...(known ? checkLocale(slug, known) : []),
        ...(known ? checkPasskey(slug, known.issuer ?? `${surroundings.baseUrl}/${slug}`, known) : []),
        ...(known ? checkUpstream(slug, known, surroundings) : []),
      ];
    }),
    ...checkIssuers(apps, surroundings),
  ];
}

function checkClients(
  slug: string,
  raw: unknown,
  parsed: AppSettings | undefined,
  surroundings: AppSurroundings,
): Fault[] {
  return entriesOf(isObject(raw) ? raw.clients : undefined).flatMap(([id, settings]) => {
    const known = parsed ? parsed.clients[id] : client.safeParse(settings).data;
    const path = ['apps', slug, 'clients', id];
    if (known) return checkClient(known, path, surroundings);
    return isObject(settings) ? checkAddresses(settings, path, surroundings) : [];
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const entriesOf = (value: unknown): [string, unknown][] => (isObject(value) ? Object.entries(value) : []);

/** Whoever reads none of an app's languages gets this one: it has to be one of them. */
function checkLocale(slug: string, { locale, locales }: AppSettings): Fault[] {
  const offered = new Map(locales.map((tag) => [tag.toLowerCase(), { tag }]));
  if (bestLanguage([locale], offered)) return [];
  const message = `${locale} is none of this app's languages: ${locales.join(', ')}`;
  return [{ path: filePath(['apps', slug, 'locale']), message }];
}

function checkMail(slug: string, app: AppSettings | undefined, surroundings: AppSurroundings): Fault[] {
  if (app === undefined) return [];
  const path = ['apps', slug, 'mail'];
  const faults = checkTransports(app.mail, path);
  const isServed = app.mail.transports ?? app.mail.smtp_url ?? surroundings.smtpUrl;
  if (!surroundings.production || isServed !== undefined) return faults;
  const message = 'production needs a mail server: set SMTP_URL, or smtp_url or transports here';
  return [...faults, { path: filePath(path), message }];
}

interface Issuer {
  readonly slug: string;
  readonly written: string;
}

function checkIssuers(apps: readonly [string, unknown][], surroundings: AppSurroundings): Fault[] {
  const issuers: Issuer[] = [];
  const faults: Fault[] = [];
  for (const [slug, app] of apps) {
    const own = isObject(app) && app.issuer !== undefined ? app.issuer : undefined;
    const written = own ?? `${surroundings.baseUrl}/${slug}`;
    // Anything but text, and a wrong slug, is reported by the schema.
    if (typeof written !== 'string' || !SLUG.test(slug)) continue;
    const message = own === undefined ? undefined : issuerFault(written, surroundings);
    if (message === undefined) issuers.push({ slug, written });
    else faults.push({ path: filePath(['apps', slug, 'issuer']), message });
  }
  return [...faults, ...issuers.flatMap((issuer, index) => overlapFault(issuer, issuers.slice(0, index)))];
}

/** Clients compare `iss` byte for byte (RFC 9207 §2.4, MT-02): only one way of writing an issuer is accepted. */
function issuerFault(written: string, surroundings: AppSurroundings): string | undefined {
  const url = URL.parse(written);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (/[?#]/.test(written)) return 'must not have a query or a fragment (RFC 8414 §2)';
  if (written.endsWith('/')) return 'must not end in a slash';
  const canonical = url.href.replace(/\/$/, '');
  if (canonical !== written) return `must be written ${canonical}`;
  if (!/^(\/[A-Za-z0-9._~-]+)*$/.test(url.pathname.replace(/\/$/, ''))) {
    return 'its path may hold only letters, digits and . _ ~ -';
  }
  const first = url.pathname.split('/')[1] ?? '';
  if ((RESERVED_SLUGS as readonly string[]).includes(first))
    return `must not lie under /${first}, which is reserved`;
  return plainHttpFault(url, surroundings);
}

/** The issuer of a request is found by its path: none may begin with another one (MT-02, MT-03). */
function overlapFault(issuer: Issuer, others: readonly Issuer[]): Fault[] {
  const begins = (long: string, short: string) => long === short || long.startsWith(`${short}/`);
  const other = others.find(
    ({ written }) => begins(written, issuer.written) || begins(issuer.written, written),
  );
  if (other === undefined) return [];
  const message =
    other.written === issuer.written
      ? `is the same as that of app ${other.slug}: ${issuer.written}`
      : `${issuer.written} and ${other.written} (app ${other.slug}) lie one under the other`;
  return [{ path: filePath(['apps', issuer.slug, 'issuer']), message }];
}
