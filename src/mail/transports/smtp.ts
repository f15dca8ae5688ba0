/**
 * Mail by SMTP. The library only moves bytes: addresses are validated before and given as objects, the envelope is
 * explicit, and what it would say to the server is compared with what it was told (ML-60 to ML-62).
 */
import type { Transporter } from 'nodemailer';
import type Mail from 'nodemailer/lib/mailer/index.js';
import type SMTPPool from 'nodemailer/lib/smtp-pool/index.js';
import { SECOND } from '../../core/clock.ts';
import { parseEmailAddress } from '../../core/email-address.ts';
import { faultOf, type Log } from '../../lib/log.ts';
import type { Delivery, OutgoingMail, Scope, Transport } from '../transport.ts';
import { parseSmtpUrl, type SmtpServer } from './smtp-url.ts';

const CONNECTION_TIMEOUT = 10 * SECOND;
const SOCKET_TIMEOUT = 30 * SECOND;
/** A server that trickles its answers never lets the socket time out; the whole delivery has an end of its own. */
const DELIVERY_TIMEOUT = 90 * SECOND;
const MAX_CONNECTIONS = 8;
/** From the configuration, hence less strict than a recipient: `no-reply@localhost` is right in development. */
const SENDER = /^[A-Za-z0-9!#$&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}$/;

export interface SmtpTimeouts {
  readonly connection: number;
  readonly socket: number;
  readonly delivery: number;
}

export interface SmtpOptions {
  /** `smtp://user:pass@host:587?requireTLS=true` or `smtps://…`. Throws a TypeError when it cannot be read. */
  readonly url: string;
  /** Default: `smtp`. */
  readonly name?: string;
  readonly log: Log;
  /** ms */
  readonly timeouts?: Partial<SmtpTimeouts>;
}

export function createSmtpTransport({ url, name = 'smtp', log, timeouts }: SmtpOptions): Transport {
  const server = parseSmtpUrl(url);
  const limits: SmtpTimeouts = {
    connection: CONNECTION_TIMEOUT,
    socket: SOCKET_TIMEOUT,
    delivery: DELIVERY_TIMEOUT,
    ...timeouts,
  };
  let pool: Promise<Transporter<SMTPPool.SentMessageInfo>> | undefined;
  let isClosed = false;

  return {
    name,
    delivers: 'message-id',

    async send(mail, signal) {
      if (isClosed) return { outcome: 'deferred', reason: 'transport closed', scope: 'transport' };
      const { to, from } = mail;
      // ML-63: the stored address byte for byte, or nothing.
      if (parseEmailAddress(to)?.address !== to)
        return { outcome: 'refused', reason: 'not one plain address', scope: 'recipient' };
      if (!SENDER.test(from.address))
        return { outcome: 'refused', reason: 'sender is no plain address', scope: 'message' };
      pool ??= openPool(server, limits);
      try {
        const deadline = AbortSignal.timeout(limits.delivery);
        const ends = signal ? AbortSignal.any([deadline, signal]) : deadline;
        const info = await (await pool).sendMail({ ...messageOf(mail), signal: ends });
        return info.accepted.length === 1
          ? { outcome: 'accepted', ...queueIdOf(info.response) }
          : { outcome: 'deferred', reason: 'recipient not accepted', scope: 'recipient' };
      } catch (thrown) {
        log.debug({ app: mail.app, host: server.host, fault: faultOf(thrown) }, 'SMTP delivery failed');
        return deliveryOf(thrown);
      }
    },

    async close() {
      isClosed = true;
      (await pool)?.close();
    },
  };
}

/** Loaded on first use: the library is a tenth of the start-up time of a server that may not send for hours. */
async function openPool(server: SmtpServer, limits: SmtpTimeouts) {
  const { createTransport } = await import('nodemailer');
  const transporter = createTransport({
    pool: true,
    host: server.host,
    port: server.port,
    secure: server.isImplicitTls,
    requireTLS: server.requiresTls,
    // A server on this machine may offer STARTTLS with a certificate nobody can check.
    ignoreTLS: server.isLoopback && !server.requiresTls,
    tls: { minVersion: 'TLSv1.2' },
    ...(server.auth ? { auth: server.auth } : {}),
    maxConnections: MAX_CONNECTIONS,
    // Requeues inside the library happen only before the first byte of a message is out; the queue does all others.
    maxRequeues: 2,
    connectionTimeout: limits.connection,
    greetingTimeout: limits.connection,
    dnsTimeout: limits.connection,
    socketTimeout: limits.socket,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  transporter.use('stream', (compiled, done) => {
    const { to, from } = compiled.message.getEnvelope();
    const { envelope } = compiled.data;
    const isAsTold = to.length === 1 && to[0] === envelope?.to && from === envelope?.from;
    done(isAsTold ? null : new EnvelopeMismatch());
  });
  return transporter;
}

/** ML-60: the library would talk to somebody else than it was told. */
class EnvelopeMismatch extends Error {
  constructor() {
    super('the compiled envelope differs from the one given');
    this.name = 'EnvelopeMismatch';
  }
}

/** Named fields only; never `raw`, `path`, `href`, `list`, `attachments` or anything an app could choose (ML-61). */
function messageOf(mail: OutgoingMail): Mail.Options {
  return {
    envelope: { from: mail.from.address, to: mail.to },
    from: { name: mail.from.name, address: mail.from.address },
    to: { name: '', address: mail.to },
    messageId: mail.messageId,
    subject: mail.subject,
    // Never base64 as for foreign scripts: filters distrust it, and people read the source when a link fails.
    textEncoding: 'quoted-printable',
    text: mail.text,
    html: mail.html,
    date: mail.date,
    headers: { ...mail.headers },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Answers to these commands are about this mail; a 5xx to any other is about us or the server, and may pass. */
const ABOUT_THE_MAIL = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/** The queue id by which later reports name the mail, where the server told one in a known form. */
function queueIdOf(response: string): { providerId?: string } {
  const id = /\b(?:queued as|Ok:?) <?([A-Za-z0-9][\w.@-]{5,120})>?\s*$/i.exec(response)?.[1];
  return id === undefined ? {} : { providerId: id };
}

/**
 * What an error of the library means. The server's words are dropped: they quote addresses. A time-out after DATA is
 * deferred like any other, for the mail may or may not have gone out: at least once.
 */
function deliveryOf(thrown: unknown): Delivery {
  if (thrown instanceof EnvelopeMismatch) {
    return { outcome: 'refused', reason: 'envelope mismatch', scope: 'message' };
  }
  const { code, responseCode, response, command } = answerOf(thrown);
  if (responseCode === undefined) {
    return { outcome: 'deferred', reason: code ?? 'no answer', scope: 'transport' };
  }
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
  const reason = [String(responseCode), enhanced, command].filter((part) => part !== undefined).join(' ');
  const scope = scopeOf(responseCode, enhanced ?? '', command ?? '');
  const isFinal = responseCode >= 500 && responseCode < 600 && /^(MAIL|RCPT|DATA|AUTH)/.test(command ?? '');
  if (isFinal) return { outcome: 'refused', reason, scope };
  return { outcome: 'deferred', reason, scope: scope === 'recipient' ? 'recipient' : 'transport' };
}

/**
 * The enhanced code is the more exact one (RFC 3463 §3): x.1 and x.2 are the mailbox, x.3 the server, 5.6 and 5.7 content and
 * policy. Without it the command says what the answer is about. A 5.7 to RCPT is a relay that does not carry our mail or
 * has us on a list; a 4.7 there is a greylist, which every other transport would meet too.
 */
function scopeOf(responseCode: number, enhanced: string, command: string): Scope {
  if (!ABOUT_THE_MAIL.has(command) || command === 'MAIL FROM' || responseCode === 421) return 'transport';
  const isTooBig = enhanced === '5.3.4';
  if (/^[45]\.3\./.test(enhanced) && !isTooBig) return 'transport';
  if (/^([45]\.[12]|4\.7)\./.test(enhanced)) return 'recipient';
  if (command === 'RCPT TO') return enhanced.startsWith('5.7.') ? 'transport' : 'recipient';
  return responseCode >= 500 ? 'message' : 'transport';
}

function answerOf(thrown: unknown): {
  code?: string;
  responseCode?: number;
  response?: string;
  command?: string;
} {
  if (typeof thrown !== 'object' || thrown === null) return {};
  const fields = thrown as Record<string, unknown>; // of an unknown object every property may be asked for
  const { code, responseCode, response, command } = fields;
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof responseCode === 'number' ? { responseCode } : {}),
    ...(typeof response === 'string' ? { response } : {}),
    ...(typeof command === 'string' ? { command } : {}),
  };
}
