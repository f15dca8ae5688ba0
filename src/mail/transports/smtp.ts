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
import type { Delivery, OutgoingMail, Transport } from '../transport.ts';
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
  readonly log: Log;
  /** ms */
  readonly timeouts?: Partial<SmtpTimeouts>;
}

export function createSmtpTransport({ url, log, timeouts }: SmtpOptions): Transport {
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
    name: 'smtp',

    async send(mail) {
      if (isClosed) return { outcome: 'deferred', reason: 'transport closed' };
      const { to, from } = mail;
      // ML-63: the stored address byte for byte, or nothing.
      if (parseEmailAddress(to)?.address !== to)
        return { outcome: 'refused', reason: 'not one plain address' };
      if (!SENDER.test(from.address)) return { outcome: 'refused', reason: 'sender is no plain address' };
      pool ??= openPool(server, limits);
      try {
        const info = await (await pool).sendMail(messageOf(mail, limits.delivery));
        return info.accepted.length === 1
          ? { outcome: 'accepted' }
          : { outcome: 'deferred', reason: 'recipient not accepted' };
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
function messageOf(mail: OutgoingMail, deliveryTimeout: number): Mail.Options & { signal: AbortSignal } {
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
    signal: AbortSignal.timeout(deliveryTimeout),
  };
}

/** Answers to these commands are about this mail; a 5xx to any other is about us or the server, and may pass. */
const ABOUT_THE_MAIL = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/**
 * What an error of the library means. The server's words are dropped: they quote addresses. A time-out after DATA is
 * deferred like any other, for the mail may or may not have gone out: at least once.
 */
function deliveryOf(thrown: unknown): Delivery {
  if (thrown instanceof EnvelopeMismatch) return { outcome: 'refused', reason: 'envelope mismatch' };
  const { code, responseCode, response, command } = answerOf(thrown);
  if (responseCode === undefined) return { outcome: 'deferred', reason: code ?? 'no answer' };
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
  const reason = [String(responseCode), enhanced, command].filter((part) => part !== undefined).join(' ');
  const isFinal = responseCode >= 500 && responseCode < 600 && ABOUT_THE_MAIL.has(command ?? '');
  return { outcome: isFinal ? 'refused' : 'deferred', reason };
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
