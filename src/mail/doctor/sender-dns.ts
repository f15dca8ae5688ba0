/** What receivers look up about the sender: MX, SPF, DKIM, DMARC. */
import { createPublicKey } from 'node:crypto';
import { getDomain } from 'tldts';
import type { TransportSettings } from '../../config/transport-schema.ts';
import type { DnsLook } from '../../outbound/dns-look.ts';
import type { SmtpUrl } from '../transports/create-transports.ts';
import type { DkimKey } from '../transports/mime.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { domainOf, type Instruments, type Patient, smtpServer } from './patient.ts';
import { MAX_LOOKUPS, readSpf, type SpfReading } from './spf.ts';

/** What a relay asks its customers to include; the envelope sender of mail by SMTP is ours. */
const INCLUDES: readonly (readonly [host: RegExp, include: string])[] = [
  [/(^|\.)gmail\.com$/, '_spf.google.com'],
  [/\.amazonaws\.com$/, 'amazonses.com'],
  [/(^|\.)postmarkapp\.com$/, 'spf.mtasv.net'],
  [/(^|\.)sendgrid\.net$/, 'sendgrid.net'],
  [/(^|\.)mailgun\.org$/, 'mailgun.org'],
  [/(^|\.)brevo\.com$/, 'spf.brevo.com'],
  [/(^|\.)office365\.com$/, 'spf.protection.outlook.com'],
];

/** Where some providers put their key; the others choose a selector for each customer. */
const SELECTORS: Readonly<Record<string, readonly string[]>> = {
  sendgrid: ['s1', 's2'],
  resend: ['resend'],
  brevo: ['brevo1', 'brevo2', 'mail'],
};

export async function examineSenderDns(patient: Patient, { dns }: Instruments): Promise<Finding[]> {
  const domain = domainOf(patient.app.from.address);
  if (!domain.includes('.')) {
    const why = 'receivers ask the domain name system about the sender, and it knows no such name';
    const mend = 'set mail.from to an address of your own domain';
    return [(patient.production ? fail : warn)('sender.domain', `${domain} is no public domain`, why, mend)];
  }
  const dkim = await examineDkim(patient, domain, dns);
  const spf = await examineSpf(patient, domain, dns);
  return [
    ...(await examineMx(domain, dns)),
    ...spf,
    ...dkim,
    ...(await examineDmarc(patient, domain, { dns, hasSpf: isFine(spf), hasDkim: isFine(dkim) })),
  ];
}

const isFine = (findings: readonly Finding[]): boolean => findings.every(({ level }) => level === 'ok');

const unanswered = (check: string, name: string): Finding =>
  warn(
    check,
    `no answer about ${name}`,
    'the name server did not answer',
    'try again, or ask another one: --dns 9.9.9.9',
  );

async function examineMx(domain: string, dns: DnsLook): Promise<Finding[]> {
  const found = await dns.mx(domain);
  if (found.is === 'failed') return [unanswered('mx', domain)];
  const record = `${domain}. MX 10 <the host that takes mail for ${domain}>.`;
  if (found.is === 'absent') {
    const why = 'bounces have nowhere to go, and many receivers refuse senders that cannot be answered';
    return [warn('mx', `${domain} takes no mail`, why, `add to DNS: ${record}`)];
  }
  if (found.values.every(({ exchange }) => exchange === '' || exchange === '.')) {
    const why = 'a null MX says that this domain never sends mail either (RFC 7505 §4.2)';
    return [fail('mx', `${domain} declares that it takes no mail`, why, `replace it in DNS: ${record}`)];
  }
  return [ok('mx', `${domain} takes mail at ${found.values.map(({ exchange }) => exchange).join(', ')}`)];
}

async function examineSpf({ transports }: Patient, domain: string, dns: DnsLook): Promise<Finding[]> {
  const servers = transports.flatMap((settings) => smtpServer(settings) ?? []);
  // Providers by HTTP put an envelope sender of theirs, so the SPF record of this domain is not asked for.
  if (servers.length === 0) return [ok('spf', 'not asked for: the provider puts its own envelope sender')];
  const relays = servers.filter(({ isLoopback }) => !isLoopback);
  const spf = await readSpf(dns, domain);
  if (spf === 'failed') return [unanswered('spf', domain)];
  const wanted = relays.map(({ host }) => includeFor(host) ?? `a:${host}`);
  const mechanisms = [...new Set(wanted.map((one) => (one.includes(':') ? one : `include:${one}`)))];
  const [record, ...more] = spf.records;
  if (record === undefined) {
    const why = 'receivers cannot tell your mail from a forgery of it';
    return [
      fail(
        'spf',
        `${domain} has no SPF record`,
        why,
        `add to DNS: ${domain}. TXT "v=spf1 ${mechanisms.join(' ') || 'a mx'} ~all"`,
      ),
    ];
  }
  if (more.length > 0) {
    const why = 'receivers treat more than one as a permanent error (RFC 7208 §4.5)';
    return [
      fail(
        'spf',
        `${domain} has ${spf.records.length} SPF records`,
        why,
        `merge them into one TXT record: ${spf.records.join(' | ')}`,
      ),
    ];
  }
  const relayFindings = await Promise.all(
    relays.map(({ host }) => examineRelay(host, spf, { domain, record, dns })),
  );
  const here =
    relays.length < servers.length
      ? [ok('spf', `${domain} has an SPF record; where the server on this machine sends from cannot be seen`)]
      : [];
  return [...costFindings(spf, domain), ...relayFindings.flat(), ...here];
}

const includeFor = (host: string): string | undefined => INCLUDES.find(([known]) => known.test(host))?.[1];

function costFindings(spf: SpfReading, domain: string): Finding[] {
  const findings: Finding[] = [];
  if (spf.lookups > MAX_LOOKUPS) {
    const why = `receivers stop after ${MAX_LOOKUPS} and treat the record as an error (RFC 7208 §4.6.4)`;
    const mend =
      'take out includes that nobody sends through any more, or give services a subdomain of their own';
    findings.push(fail('spf.lookups', `the SPF record of ${domain} needs ${spf.lookups} lookups`, why, mend));
  }
  if (spf.broken.length > 0) {
    const why = 'an include without a record is a permanent error (RFC 7208 §5.2)';
    findings.push(
      fail(
        'spf.include',
        `no SPF record at ${spf.broken.join(', ')}`,
        why,
        'take it out of the record, or correct the name',
      ),
    );
  }
  if (spf.all === '+all') {
    findings.push(
      fail(
        'spf.all',
        `the SPF record of ${domain} ends in +all`,
        'it allows everybody to send as you',
        'end it in ~all',
      ),
    );
  }
  return findings;
}

async function examineRelay(
  host: string,
  spf: SpfReading,
  { domain, record, dns }: { readonly domain: string; readonly record: string; readonly dns: DnsLook },
): Promise<Finding[]> {
  const include = includeFor(host);
  const found = include === undefined ? await dns.addresses(host) : undefined;
  const addresses = found?.is === 'found' ? found.values : [];
  const isCovered =
    include === undefined ? addresses.some((address) => spf.permits(address)) : spf.included.has(include);
  if (isCovered)
    return [ok('spf', `${domain} allows ${host} to send (${spf.lookups} of ${MAX_LOOKUPS} lookups)`)];
  const mechanism = include === undefined ? `a:${host}` : `include:${include}`;
  const mend = `change in DNS: ${domain}. TXT "${record.replace(/^v=spf1/i, `v=spf1 ${mechanism}`)}"`;
  if (include !== undefined) {
    return [
      fail('spf', `${domain} does not allow ${host} to send`, 'receivers see its mail as forged', mend),
    ];
  }
  const why =
    'it may send from other addresses than it takes mail at; if not, receivers see its mail as forged';
  return [warn('spf', `the addresses of ${host} are not in the SPF record of ${domain}`, why, mend)];
}

async function examineDkim({ dkim, transports }: Patient, domain: string, dns: DnsLook): Promise<Finding[]> {
  if (dkim) return [await examineKey(dkim, dns)];
  const looked = await Promise.all(transports.map((settings) => examineProviderKey(settings, domain, dns)));
  return looked.flat();
}

/** The record that belongs to a private key, in strings of at most 255 characters as DNS has them. */
export function dkimRecord(key: DkimKey): {
  readonly name: string;
  readonly value: string;
  readonly strings: string;
} {
  const p = publicKeyOf(key);
  const value = `v=DKIM1; k=rsa; p=${p}`;
  const strings = (value.match(/.{1,250}/g) ?? []).map((part) => `"${part}"`).join(' ');
  return { name: `${key.selector}._domainkey.${key.domain}`, value, strings };
}

const publicKeyOf = ({ privateKey }: DkimKey): string =>
  createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64');

async function examineKey(key: DkimKey, dns: DnsLook): Promise<Finding> {
  const { name, strings } = dkimRecord(key);
  const found = await dns.txt(name);
  if (found.is === 'failed') return unanswered('dkim', name);
  const add = `${name}. TXT ${strings}`;
  const why = 'receivers cannot check the signatures made here, and treat them as broken';
  if (found.is === 'absent') return fail('dkim', `no public key at ${name}`, why, `add to DNS: ${add}`);
  const published = found.values.map((record) => /(?:^|;)\s*p=([^;]*)/.exec(record)?.[1]?.replace(/\s/g, ''));
  if (published.every((p) => p !== publicKeyOf(key))) {
    return fail(
      'dkim',
      `the key at ${name} is not that of the configured private key`,
      why,
      `replace it in DNS: ${add}`,
    );
  }
  return published.length > 1
    ? fail(
        'dkim',
        `${name} has ${published.length} records`,
        'receivers may take the wrong one (RFC 6376 §3.6.2.2)',
        `leave one: ${add}`,
      )
    : ok('dkim', `the key at ${name} is that of the configured private key`);
}

async function examineProviderKey(
  settings: TransportSettings | SmtpUrl,
  domain: string,
  dns: DnsLook,
): Promise<Finding[]> {
  const { type } = settings;
  const name = type === 'smtp_url' ? 'smtp' : (settings.name ?? type);
  if (smtpServer(settings)?.isLoopback) return [];
  const selectors = SELECTORS[type] ?? [];
  for (const selector of selectors) {
    const found = await dns.txt(`${selector}._domainkey.${domain}`);
    if (found.is === 'found') return [ok('dkim', `${name} signs as ${domain} (selector ${selector})`)];
  }
  const isSmtp = type === 'smtp' || type === 'smtp_url';
  const why =
    'without a signature as your domain, mail counts as forged where SPF does not fit, such as after forwarding';
  const mend = isSmtp
    ? 'let the server sign, or sign here: mail.dkim (docs/guide/mail.md); --send-to shows in the mail itself who signed'
    : `authenticate ${domain} in the console of ${name}, which gives the DNS records; --send-to shows in the mail itself who signed`;
  const what =
    selectors.length > 0
      ? `${name} has no key at ${selectors.map((selector) => `${selector}._domainkey.${domain}`).join(' or ')}`
      : `whether ${name} signs as ${domain} cannot be seen from DNS`;
  return [warn('dkim', what, why, mend)];
}

interface Authentication {
  readonly dns: DnsLook;
  readonly hasSpf: boolean;
  readonly hasDkim: boolean;
}

async function examineDmarc(
  { dkim, transports }: Patient,
  domain: string,
  { dns, hasSpf, hasDkim }: Authentication,
): Promise<Finding[]> {
  const organization = getDomain(domain) ?? domain;
  const places = [...new Set([`_dmarc.${domain}`, `_dmarc.${organization}`])];
  for (const place of places) {
    const found = await dns.txt(place);
    if (found.is === 'failed') return [unanswered('dmarc', place)];
    const records =
      found.is === 'found' ? found.values.filter((record) => /^v=DMARC1\s*(;|$)/i.test(record)) : [];
    if (records.length > 1) {
      return [
        fail(
          'dmarc',
          `${place} has ${records.length} DMARC records`,
          'receivers then act as if there were none',
          `leave one of: ${records.join(' | ')}`,
        ),
      ];
    }
    const [record] = records;
    if (record !== undefined) return alignment(record, { place, domain, dkim, transports, hasSpf, hasDkim });
  }
  const why = 'large receivers refuse senders without one, and anybody can write as you';
  return [
    warn(
      'dmarc',
      `${domain} has no DMARC record`,
      why,
      `add to DNS: _dmarc.${organization}. TXT "v=DMARC1; p=none; rua=mailto:postmaster@${organization}"`,
    ),
  ];
}

interface Aligned extends Pick<Patient, 'dkim' | 'transports'> {
  readonly place: string;
  readonly domain: string;
  readonly hasSpf: boolean;
  readonly hasDkim: boolean;
}

function alignment(record: string, { place, domain, dkim, transports, hasSpf, hasDkim }: Aligned): Finding[] {
  const tag = (name: string) =>
    new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*([^;\\s]+)`, 'i').exec(record)?.[1]?.toLowerCase();
  const policy = tag('p') ?? 'none';
  const signer = dkim?.domain ?? domain;
  const isStrict = tag('adkim') === 's';
  const isAligned = isStrict ? signer === domain : getDomain(signer) === getDomain(domain);
  if (!isAligned) {
    const why = `DMARC counts a signature only of ${isStrict ? 'exactly that' : 'the same registered'} domain (${place}: ${record})`;
    const level = policy === 'none' ? warn : fail;
    return [
      level(
        'dmarc',
        `mails are signed as ${signer} and written as ${domain}`,
        why,
        `set mail.dkim.domain to ${domain}, and publish its key there`,
      ),
    ];
  }
  const bySmtp = transports.some((settings) => smtpServer(settings) !== undefined);
  if (policy !== 'none' && !hasDkim && !(bySmtp && hasSpf)) {
    const why = `${place} asks receivers to ${policy} what neither SPF nor DKIM vouches for, and neither is seen to`;
    return [
      warn(
        'dmarc',
        `mails of ${domain} may be ${policy === 'reject' ? 'refused' : 'put aside'}`,
        why,
        'mend SPF or DKIM first, see above',
      ),
    ];
  }
  return [ok('dmarc', `${place} says p=${policy}, and signatures as ${signer} fit it`)];
}
