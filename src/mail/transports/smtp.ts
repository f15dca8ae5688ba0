/**
 * Mail by SMTP. The library only moves bytes: addresses are validated before and given as objects, the envelope is
 * explicit, and what it would say to the server is compared with what it was told (ML-60 to ML-62).
 */
import type { Transporter } from 'nodemailer';
import type SMTPPool from 'nodemailer/lib/smtp-pool/index.js';
import { SECOND } from '../../core/clock.ts';
import { faultOf, type Log } from '../../lib/log.ts';
import type { Delivery, Transport } from '../transport.ts';
import { addressFault } from './addresses.ts';
import { type DkimKey, dkimOptions, messageOf } from './mime.ts';
import { deliveryOf, EnvelopeMismatch, queueIdOf } from './smtp-answers.ts';
import { parseSmtpUrl, type SmtpServer } from './smtp-url.ts';

const CONNECTION_TIMEOUT = 10 * SECOND;
const SOCKET_TIMEOUT = 30 * SECOND;
/** A server that trickles its answers never lets the socket time out; the whole delivery has an end of its own. */
const DELIVERY_TIMEOUT = 90 * SECOND;
const MAX_CONNECTIONS = 8;

export interface SmtpTimeouts {
  readonly connection: number;
  readonly socket: number;
  readonly delivery: number;
}

/** Gives an access token for XOAUTH2; `isStale` when the server has just refused the last one. Throws without one. */
export type AccessToken = (isStale: boolean) => Promise<string>;

export interface SmtpOptions {
  /** `smtp://user:pass@host:587?requireTLS=true` or `smtps://…`, which throws a TypeError when it cannot be read; or what it says. */
  readonly url: string | SmtpServer;
  /** Instead of a password. */
  readonly oauth2?: { readonly user: string; readonly accessToken: AccessToken };
  readonly dkim?: DkimKey;
  /** Default: `smtp`. */
  readonly name?: string;
  readonly log: Log;
  /** ms */
  readonly timeouts?: Partial<SmtpTimeouts>;
  /** Certificate authorities trusted beside those of the system, PEM. */
  readonly ca?: string;
}

export function createSmtpTransport(options: SmtpOptions): Transport {
  const { url, name = 'smtp', log } = options;
  const server = typeof url === 'string' ? parseSmtpUrl(url) : url;
  const limits: SmtpTimeouts = {
    connection: CONNECTION_TIMEOUT,
    socket: SOCKET_TIMEOUT,
    delivery: DELIVERY_TIMEOUT,
    ...options.timeouts,
  };
  let pool: Promise<Transporter<SMTPPool.SentMessageInfo>> | undefined;
  let isClosed = false;
  const grant = options.oauth2 && new Grant(options.oauth2);

  return {
    name,
    delivers: 'message-id',

    async send(mail, signal) {
      if (isClosed) return { outcome: 'deferred', reason: 'transport closed', scope: 'transport' };
      const fault = addressFault(mail);
      if (fault) return fault;
      pool ??= openPool(server, limits, { ...options, grant });
      try {
        const deadline = AbortSignal.timeout(limits.delivery);
        const ends = signal ? AbortSignal.any([deadline, signal]) : deadline;
        const info = await (await pool).sendMail({ ...messageOf(mail), signal: ends });
        grant?.wasTaken();
        return info.accepted.length === 1
          ? { outcome: 'accepted', ...queueIdOf(info.response) }
          : { outcome: 'deferred', reason: 'recipient not accepted', scope: 'recipient' };
      } catch (thrown) {
        log.debug({ app: mail.app, host: server.host, fault: faultOf(thrown) }, 'SMTP delivery failed');
        const delivery = deliveryOf(thrown);
        return grant ? grant.judged(delivery) : delivery;
      }
    },

    async close() {
      isClosed = true;
      (await pool)?.close();
    },
  };
}

/** Loaded on first use: the library is a tenth of the start-up time of a server that may not send for hours. */
async function openPool(
  server: SmtpServer,
  limits: SmtpTimeouts,
  { grant, dkim, ca }: Pick<SmtpOptions, 'dkim' | 'ca'> & { readonly grant: Grant | undefined },
) {
  const { createTransport } = await import('nodemailer');
  const transporter = createTransport({
    pool: true,
    ...connectionOptions(server, limits, ca),
    ...(grant ? { auth: { type: 'OAuth2' as const, user: grant.user } } : {}),
    ...(dkim ? { dkim: dkimOptions(dkim) } : {}),
    maxConnections: MAX_CONNECTIONS,
    // Requeues inside the library happen only before the first byte of a message is out; the queue does all others.
    maxRequeues: 2,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  if (grant) {
    // Ours instead of the library's own call, which would follow redirects with the refresh token.
    transporter.set('oauth2_provision_cb', (_user: string, isStale: boolean, done: Provisioned) => {
      grant.accessToken(isStale).then(
        (token) => done(null, token),
        (thrown: unknown) => done(thrown instanceof Error ? thrown : new Error('no access token')),
      );
    });
  }
  transporter.use('stream', (compiled, done) => {
    const { to, from } = compiled.message.getEnvelope();
    const { envelope } = compiled.data;
    const isAsTold = to.length === 1 && to[0] === envelope?.to && from === envelope?.from;
    done(isAsTold ? null : new EnvelopeMismatch());
  });
  return transporter;
}

/**
 * Google says that a token has ended and lets one try again at once, which the library does; Microsoft only says 535. So the
 * first refusal asks for a new token with the next delivery, and the second one is about the grant itself.
 */
class Grant {
  readonly user: string;
  readonly #accessToken: AccessToken;
  #isRefused = false;

  constructor({ user, accessToken }: NonNullable<SmtpOptions['oauth2']>) {
    this.user = user;
    this.#accessToken = accessToken;
  }

  accessToken(isStale: boolean): Promise<string> {
    return this.#accessToken(isStale || this.#isRefused);
  }

  wasTaken(): void {
    this.#isRefused = false;
  }

  judged(delivery: Delivery): Delivery {
    if (delivery.outcome !== 'refused' || !/\bAUTH\b/.test(delivery.reason)) return delivery;
    const isFirst = !this.#isRefused;
    this.#isRefused = true;
    return isFirst ? { outcome: 'deferred', reason: delivery.reason, scope: 'transport' } : delivery;
  }
}

type Provisioned = (error: Error | null, token?: string) => void;

/** How to reach a server and what to demand of it; also for the call that only looks whether it would take our mail. */
export const connectionOptions = (server: SmtpServer, limits: SmtpTimeouts, ca?: string) => ({
  host: server.host,
  port: server.port,
  secure: server.isImplicitTls,
  requireTLS: server.requiresTls,
  // A server on this machine may offer STARTTLS with a certificate nobody can check.
  ignoreTLS: server.isLoopback && !server.requiresTls,
  tls: { minVersion: 'TLSv1.2' as const, ...(ca !== undefined && { ca }) },
  ...(server.auth ? { auth: server.auth } : {}),
  connectionTimeout: limits.connection,
  greetingTimeout: limits.connection,
  dnsTimeout: limits.connection,
  socketTimeout: limits.socket,
  logger: false as const,
});
