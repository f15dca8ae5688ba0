/**
 * Takes what providers and mail servers tell of our mails: knows it to be genuine, finds the mail that it is about, writes
 * that into the mail log and the list of suppressed mailboxes.
 *
 * Nothing has an effect that is not about a mail of this app, by this transport, to this recipient: so neither a stranger nor
 * another sender at the same provider can cut somebody off. What is told twice, late or out of order changes nothing:
 * the mail log weighs statuses, and a message is taken once (`oneTime`).
 */
import type { App } from '../../apps/apps.ts';
import type { Clock } from '../../core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../core/email-address.ts';
import { unreachable } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import type { AppId } from '../../core/ids.ts';
import type { Keyring } from '../../core/keyring.ts';
import type { Log } from '../../lib/log.ts';
import type { GuardedFetch } from '../../outbound/guarded-fetch.ts';
import { type Store, StoreConflict } from '../../store/port.ts';
import type { LoggedMail, MailLog } from '../mail-log.ts';
import type { MailChange } from '../mail-status.ts';
import type { Suppressions } from '../suppressions.ts';
import { readBrevo } from './brevo.ts';
import { type Report, readReport } from './dsn.ts';
import {
  codesIn,
  type FeedbackEvent,
  type FeedbackKind,
  type Reading,
  type WebhookRequest,
} from './event.ts';
import { readHook } from './hook.ts';
import { readMailgun } from './mailgun.ts';
import { readPostmark } from './postmark.ts';
import { readResend } from './resend.ts';
import { mailOfReturnPath } from './return-path.ts';
import { carriesSecret } from './secrets.ts';
import { readSendgrid } from './sendgrid.ts';
import { readSes } from './ses.ts';
import { type Certificates, cachedCertificates } from './sns.ts';
import { kindOfFailure, tellingStatus } from './status-code.ts';
import { type SignedWebhook, webhookSettings } from './webhook-settings.ts';

/** `refused`: not from whom it says. `later`: genuine, but cannot be taken now. */
export type Receipt = 'taken' | 'refused' | 'malformed' | 'later';

export interface FeedbackDeps {
  readonly store: Pick<Store, 'oneTime'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly keyring: Keyring;
  readonly mails: Pick<MailLog, 'note' | 'find' | 'findByProviderId' | 'findByMessageId' | 'isTo'>;
  readonly suppressions: Pick<Suppressions, 'add' | 'softBounce' | 'delivered'>;
  readonly fetch: GuardedFetch;
}

const ONCE = 'mail_feedback';
/** Events of a batch that are looked after at the same time. */
const WIDTH = 8;

export class Feedback {
  readonly #deps: FeedbackDeps;
  readonly #certificates: Certificates;

  constructor(deps: FeedbackDeps) {
    this.#deps = deps;
    const fetchText = async (url: string): Promise<string> => {
      const answer = await deps.fetch(url);
      if (answer.status !== 200) throw new Error(`certificate: ${answer.status}`);
      return answer.text();
    };
    this.#certificates = cachedCertificates(fetchText, () => deps.clock.now());
  }

  /**
   * @param transport name of the transport in the app's configuration; it says who may send this, and about which mails
   * @returns undefined where the app has no such transport, or nothing is configured for its reports
   */
  async receive(
    app: App,
    transport: string,
    form: 'webhook' | 'dsn',
    request: WebhookRequest,
  ): Promise<Receipt | undefined> {
    const settings = webhookSettings(app, transport);
    if (settings === undefined || (settings.type === 'smtp') !== (form === 'dsn')) return undefined;
    if (settings.type !== 'smtp') return this.#receiveWebhook(app, transport, settings, request);
    if (!carriesSecret(request, settings.secret)) return 'refused';
    const report = await readReport(request.body);
    // A letter or an out-of-office is not worth sending again.
    if (report) await this.applyReport(app, report, transport);
    return 'taken';
  }

  /**
   * What a mail says that came back or complains, from whomever. It is believed when it names the return path or the
   * Message-ID of a mail of this app and that mail's recipient; else it has no effect. Gives whether it had one.
   */
  async applyReport(app: App, report: Report, by: string): Promise<boolean> {
    const { keyring, mails, log } = this.#deps;
    const [id] = report.sentTo.flatMap((to) => mailOfReturnPath(keyring, app.id, to) ?? []);
    const sent = id === undefined ? undefined : await mails.find(app.id, id);
    let isOurs = false;
    for (const event of report.events) {
      const { messageId } = event;
      const mail =
        sent ?? (messageId === undefined ? undefined : await mails.findByMessageId(app.id, messageId));
      isOurs = (await this.#applyTo(app, by, event, mail)) || isOurs;
    }
    if (!isOurs) log.info({ app: app.id, by }, 'a report on a mail that is not ours');
    return isOurs;
  }

  /**
   * A server refused the recipient while the mail was handed over. Only a status that names the mailbox counts (RFC 3463): a
   * bare 550 may mean anything.
   */
  async refused(app: AppId, to: string, { transport = '', reason = '', at }: MailChange): Promise<void> {
    const address = parseEmailAddress(to);
    const status = tellingStatus(undefined, reason);
    if (!address || status === undefined) return;
    const cause = { by: transport, detail: codesIn(reason), at };
    const kind = kindOfFailure(status);
    if (kind === 'hard_bounce')
      await this.#deps.suppressions.add(app, address, { ...cause, reason: 'bounced' });
    if (kind === 'soft_bounce') await this.#deps.suppressions.softBounce(app, address, cause);
  }

  async #receiveWebhook(
    app: App,
    transport: string,
    settings: SignedWebhook,
    request: WebhookRequest,
  ): Promise<Receipt> {
    const { log } = this.#deps;
    const fields = { app: app.id, transport };
    let reading: Reading;
    try {
      reading = await read(settings, request, this.#certificates);
    } catch (fault) {
      log.warn({ ...fields, fault: String(fault) }, 'a mail webhook could not be checked');
      return 'later';
    }
    switch (reading.outcome) {
      case 'refused':
      case 'malformed':
        log.warn({ ...fields, why: reading.why }, `mail webhook ${reading.outcome}`);
        return reading.outcome;
      case 'confirm':
        return this.#confirm(reading.url, fields);
      case 'events':
        await this.#takeOnce(app, transport, reading);
        return 'taken';
      default:
        return unreachable(reading);
    }
  }

  /** Events that are known to be genuine. */
  async apply(app: App, transport: string, events: readonly FeedbackEvent[]): Promise<void> {
    for (let at = 0; at < events.length; at += WIDTH) {
      await Promise.all(events.slice(at, at + WIDTH).map((event) => this.#applyOne(app, transport, event)));
    }
  }

  /** Marked behind the act: a message whose events were not all taken is sent again, and they bear being taken twice. */
  async #takeOnce(
    app: App,
    transport: string,
    { events, once }: Extract<Reading, { outcome: 'events' }>,
  ): Promise<void> {
    const { store, clock, log } = this.#deps;
    const key = once && hashOf(transport, once.id);
    if (key !== undefined && (await store.oneTime.peek(app.id, ONCE, key, clock.now()))) {
      log.info({ app: app.id, transport }, 'mail webhook taken before');
      return;
    }
    await this.apply(app, transport, events);
    if (key === undefined) return;
    try {
      await store.oneTime.put(app.id, ONCE, key, {}, once?.until ?? 0, clock.now());
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
    }
  }

  async #confirm(url: string, fields: object): Promise<Receipt> {
    const { log } = this.#deps;
    try {
      const { status } = await this.#deps.fetch(url);
      log.info({ ...fields, status }, 'mail webhook subscription confirmed');
      return status === 200 ? 'taken' : 'later';
    } catch (fault) {
      log.warn({ ...fields, fault: String(fault) }, 'mail webhook subscription could not be confirmed');
      return 'later';
    }
  }

  async #applyOne(app: App, transport: string, event: FeedbackEvent): Promise<void> {
    const mail = await this.#mailOf(app, transport, event);
    if (await this.#applyTo(app, transport, event, mail)) return;
    this.#deps.log.info({ app: app.id, transport, kind: event.kind }, 'feedback on a mail that is not known');
  }

  /** False, with nothing done, unless this mail went to the recipient that the event names. */
  async #applyTo(
    app: App,
    transport: string,
    event: FeedbackEvent,
    mail: LoggedMail | undefined,
  ): Promise<boolean> {
    const { mails, clock } = this.#deps;
    const address = parseEmailAddress(event.recipient);
    if (!mail || !address || !(await mails.isTo(app.id, mail.id, address))) return false;
    // A provider's clock does not make a bounce newer than the moment at which we hear of it.
    const at = Math.min(event.at ?? clock.now(), clock.now());
    const change: MailChange = { status: STATUS[event.kind], at, transport, reason: event.reason };
    // The mailbox first: a process that dies in between is told again, and the log says by then what was done.
    await this.#mailbox(app, transport, { ...event, at }, address);
    await mails.note(app.id, mail.id, change);
    return true;
  }

  async #mailOf(app: App, transport: string, event: FeedbackEvent): Promise<LoggedMail | undefined> {
    const { mails } = this.#deps;
    for (const id of event.providerIds) {
      const found = await mails.findByProviderId(app.id, transport, id);
      if (found) return found;
    }
    const found =
      event.messageId === undefined ? undefined : await mails.findByMessageId(app.id, event.messageId);
    // Our own Message-ID does not say who carried the mail: only that transport may tell of it.
    return found?.history.some((change) => change.transport === transport) ? found : undefined;
  }

  async #mailbox(app: App, by: string, event: FeedbackEvent, address: EmailAddress): Promise<void> {
    const { suppressions } = this.#deps;
    const cause = { by, detail: event.reason, at: event.at };
    switch (event.kind) {
      case 'hard_bounce':
        await suppressions.add(app.id, address, { ...cause, reason: 'bounced' });
        return;
      case 'complained':
        await suppressions.add(app.id, address, { ...cause, reason: 'complained' });
        return;
      case 'soft_bounce':
        await suppressions.softBounce(app.id, address, cause);
        return;
      case 'delivered':
        await suppressions.delivered(app.id, address);
        return;
      case 'deferred':
      case 'suppressed':
      case 'rejected':
        return;
      default:
        unreachable(event.kind);
    }
  }
}

const STATUS: Readonly<Record<FeedbackKind, MailChange['status']>> = {
  delivered: 'accepted',
  deferred: 'delayed',
  soft_bounce: 'bounced',
  hard_bounce: 'bounced',
  complained: 'complained',
  suppressed: 'suppressed',
  rejected: 'bounced',
};

async function read(
  settings: SignedWebhook,
  request: WebhookRequest,
  certificates: Certificates,
): Promise<Reading> {
  switch (settings.type) {
    case 'ses':
      return readSes(request, settings, certificates);
    case 'sendgrid':
      return readSendgrid(request, settings);
    case 'postmark':
      return readPostmark(request, { secret: settings.secret });
    case 'mailgun':
      return readMailgun(request, { secret: settings.secret });
    case 'resend':
      return readResend(request, { secret: settings.secret });
    case 'brevo':
      return readBrevo(request, { secret: settings.secret });
    case 'http':
      return readHook(request, { secret: settings.secret });
    default:
      return unreachable(settings);
  }
}
