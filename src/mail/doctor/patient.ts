/** What is examined, and with what. */
import type { TransportSettings } from '../../config/transport-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { DnsLook } from '../../outbound/dns-look.ts';
import type { ProviderFetch } from '../../outbound/provider-fetch.ts';
import type { MailApp } from '../compose.ts';
import type { SmtpUrl } from '../transports/create-transports.ts';
import type { DkimKey } from '../transports/mime.ts';
import { parseSmtpUrl, type SmtpServer, smtpServerOf } from '../transports/smtp-url.ts';

export interface Patient {
  readonly app: MailApp;
  readonly issuer: string;
  readonly production: boolean;
  readonly transports: readonly (TransportSettings | SmtpUrl)[];
  readonly dkim: DkimKey | undefined;
}

export interface Instruments {
  readonly dns: DnsLook;
  readonly fetch: ProviderFetch;
  readonly clock: Clock;
  readonly log: Log;
  /** Certificate authorities trusted beside those of the system, PEM. */
  readonly ca?: string;
}

export const domainOf = (address: string): string =>
  address.slice(address.lastIndexOf('@') + 1).toLowerCase();

/** Undefined for transports by HTTP. */
export function smtpServer(settings: TransportSettings | SmtpUrl): SmtpServer | undefined {
  if (settings.type === 'smtp_url') return parseSmtpUrl(settings.url);
  return settings.type === 'smtp' ? smtpServerOf(settings) : undefined;
}
