/**
 * The transports of an app, in its order of preference. Apps whose settings are equal share one, and with it its
 * connections; the development inbox stands in where nothing is configured.
 */
import type { AppSettings } from '../../config/schema.ts';
import type { DkimSettings, SettingsOf, TransportSettings } from '../../config/transport-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ProviderFetch } from '../../outbound/provider-fetch.ts';
import type { Transport } from '../transport.ts';
import { createAccessToken } from './access-token.ts';
import { brevoApi } from './brevo.ts';
import { createApiTransport, type HttpApi } from './http-api.ts';
import { hookApi } from './http-hook.ts';
import { mailgunApi } from './mailgun.ts';
import type { DkimKey } from './mime.ts';
import { postmarkApi } from './postmark.ts';
import { resendApi } from './resend.ts';
import { sendgridApi } from './sendgrid.ts';
import { sesApi } from './ses.ts';
import { createSmtpTransport, type SmtpTimeouts } from './smtp.ts';
import { smtpServerOf } from './smtp-url.ts';

export interface TransportDeps {
  readonly fetch: ProviderFetch;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the deployment, for apps that name no server of their own. */
  readonly smtpUrl?: string | undefined;
  /** ms */
  readonly timeouts?: Partial<SmtpTimeouts>;
  /** Certificate authorities trusted beside those of the system, PEM. */
  readonly ca?: string;
}

/** What has to be known of an app. */
export interface MailedApp {
  /** Of the sender; DKIM signs for it unless told otherwise. */
  readonly senderDomain: string;
  readonly mail: AppSettings['mail'];
}

/** Transports of all apps by what they are made of. */
export class TransportPool {
  readonly #made = new Map<string, Transport>();
  readonly #deps: TransportDeps;

  constructor(deps: TransportDeps) {
    this.#deps = deps;
  }

  /** In order of preference; none when the app and the deployment name no server. */
  of(app: MailedApp): readonly Transport[] {
    const key = dkimKey(app.mail.dkim, app.senderDomain);
    return settingsOf(app, this.#deps.smtpUrl).map((settings) => this.#shared(settings, key));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#made.values()].map((transport) => transport.close()));
    this.#deps.fetch.close();
  }

  #shared(settings: TransportSettings | SmtpUrl, key: DkimKey | undefined): Transport {
    const name = JSON.stringify([settings, key]);
    const transport = this.#made.get(name) ?? createTransport(settings, key, this.#deps);
    this.#made.set(name, transport);
    return transport;
  }
}

export interface SmtpUrl {
  readonly type: 'smtp_url';
  readonly url: string;
}

export function settingsOf(app: MailedApp, smtpUrl: string | undefined): (TransportSettings | SmtpUrl)[] {
  if (app.mail.transports) return app.mail.transports;
  const url = app.mail.smtp_url ?? smtpUrl;
  return url === undefined ? [] : [{ type: 'smtp_url', url }];
}

export function dkimKey(dkim: DkimSettings | undefined, senderDomain: string): DkimKey | undefined {
  if (dkim?.private_key === undefined) return undefined;
  return { domain: dkim.domain ?? senderDomain, selector: dkim.selector, privateKey: dkim.private_key };
}

export function createTransport(
  settings: TransportSettings | SmtpUrl,
  dkim: DkimKey | undefined,
  deps: TransportDeps,
): Transport {
  if (settings.type === 'smtp_url')
    return createSmtpTransport({ url: settings.url, ...smtpDeps(deps, dkim) });
  if (settings.type === 'smtp') return createSmtp(settings, dkim, deps);
  return createApiTransport(settings.name ?? settings.type, apiOf(settings, dkim, deps), deps);
}

function createSmtp(settings: SettingsOf<'smtp'>, dkim: DkimKey | undefined, deps: TransportDeps): Transport {
  const { oauth2, user } = settings;
  return createSmtpTransport({
    url: smtpServerOf(settings),
    name: settings.name ?? settings.type,
    ...(oauth2 && user !== undefined && { oauth2: { user, accessToken: createAccessToken(oauth2, deps) } }),
    ...smtpDeps(deps, dkim),
  });
}

const smtpDeps = ({ log, timeouts, ca }: TransportDeps, dkim: DkimKey | undefined) => ({
  log,
  ...(dkim && { dkim }),
  ...(timeouts && { timeouts }),
  ...(ca !== undefined && { ca }),
});

type ApiSettings = Exclude<TransportSettings, { type: 'smtp' }>;

function apiOf(settings: ApiSettings, dkim: DkimKey | undefined, { clock }: TransportDeps): HttpApi {
  switch (settings.type) {
    case 'ses':
      return sesApi(settings, dkim, clock);
    case 'postmark':
      return postmarkApi(settings);
    case 'sendgrid':
      return sendgridApi(settings);
    case 'mailgun':
      return mailgunApi(settings, dkim);
    case 'resend':
      return resendApi(settings);
    case 'brevo':
      return brevoApi(settings);
    case 'http':
      return hookApi(settings, clock);
  }
}
