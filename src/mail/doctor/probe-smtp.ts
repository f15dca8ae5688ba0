/** Whether a mail server would take our mail, as far as that can be told without sending any. */
import type { PeerCertificate } from 'node:tls';
import type { TransportSettings } from '../../config/transport-schema.ts';
import { DAY, SECOND } from '../../core/clock.ts';
import { createAccessToken } from '../transports/access-token.ts';
import type { SmtpUrl } from '../transports/create-transports.ts';
import { connectionOptions } from '../transports/smtp.ts';
import type { SmtpServer } from '../transports/smtp-url.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { Instruments } from './patient.ts';

const LIMITS = { connection: 10 * SECOND, socket: 10 * SECOND, delivery: 20 * SECOND };
const SOON_DAYS = 14;

export async function probeSmtp(
  name: string,
  settings: TransportSettings | SmtpUrl,
  server: SmtpServer,
  instruments: Instruments,
): Promise<Finding[]> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  const connection = new Connection(connectionOptions(server, LIMITS, instruments.ca));
  const place = `${server.host}:${server.port}`;
  try {
    await new Promise<void>((resolve, reject) => {
      connection.once('error', reject);
      connection.connect(() => resolve());
    });
    const findings = [...tlsFindings(name, place, server, { connection, now: instruments.clock.now() })];
    const auth = await authOf(settings, server, instruments);
    if (auth === undefined) return [...findings, ok('smtp.auth', `${name}: no credentials are configured`)];
    await new Promise<void>((resolve, reject) => {
      connection.login(auth, (error) => (error ? reject(error) : resolve()));
    });
    return [...findings, ok('smtp.auth', `${name}: ${place} takes the credentials`)];
  } catch (thrown) {
    return [faultFinding(name, place, thrown)];
  } finally {
    connection.quit();
    connection.close();
  }
}

/** Of the library; its types leave the socket out. */
interface Connected {
  readonly connection: { readonly secure?: boolean; readonly _socket?: unknown };
  readonly now: number;
}

function tlsFindings(
  name: string,
  place: string,
  server: SmtpServer,
  { connection, now }: Connected,
): Finding[] {
  const socket = connection._socket;
  const certificate = hasCertificate(socket) ? socket.getPeerCertificate() : undefined;
  if (certificate === undefined || !connection.secure) {
    if (server.isLoopback) return [ok('smtp.tls', `${name}: ${place} is on this machine, without TLS`)];
    const why = 'whoever is between here and there reads links that sign people in';
    return [
      warn(
        'smtp.tls',
        `${name}: ${place} is spoken to without TLS`,
        why,
        'offer STARTTLS there, and configure transports with tls: starttls',
      ),
    ];
  }
  const ends = Date.parse(certificate.valid_to);
  const days = Math.floor((ends - now) / DAY);
  if (days > SOON_DAYS)
    return [ok('smtp.tls', `${name}: ${place} speaks TLS; its certificate ends in ${days} days`)];
  const why = 'behind that day no mail leaves, because a certificate that cannot be checked is no TLS';
  return [
    warn(
      'smtp.tls',
      `${name}: the certificate of ${place} ends in ${days} days`,
      why,
      'renew it on the mail server',
    ),
  ];
}

const hasCertificate = (socket: unknown): socket is { getPeerCertificate(): PeerCertificate } =>
  typeof socket === 'object' && socket !== null && 'getPeerCertificate' in socket;

async function authOf(settings: TransportSettings | SmtpUrl, server: SmtpServer, instruments: Instruments) {
  if (settings.type === 'smtp' && settings.oauth2 && settings.user !== undefined) {
    const token = await createAccessToken(settings.oauth2, instruments)(false);
    const { default: XOAuth2 } = await import('nodemailer/lib/xoauth2');
    return {
      user: settings.user,
      type: 'OAUTH2',
      method: 'XOAUTH2',
      oauth2: new XOAuth2({ user: settings.user, accessToken: token }),
    };
  }
  return server.auth && { ...server.auth, credentials: server.auth };
}

/** By the code of the library or of the server's answer. */
function faultFinding(name: string, place: string, thrown: unknown): Finding {
  const fields = typeof thrown === 'object' && thrown !== null ? (thrown as Record<string, unknown>) : {};
  const code = typeof fields.code === 'string' ? fields.code : 'fault';
  const text = thrown instanceof Error ? thrown.message : '';
  const answered = typeof fields.responseCode === 'number' ? ` (${fields.responseCode})` : '';
  if (/certificate|self.signed|altnames|expired/i.test(text)) {
    const why = 'who stands there cannot be told, so nothing is sent: mails hold links that sign people in';
    return fail(
      'smtp.tls',
      `${name}: the certificate of ${place} cannot be trusted (${reasonIn(text)})`,
      why,
      'renew it, or name the host that it is made out to; an own authority goes into NODE_EXTRA_CA_CERTS',
    );
  }
  if (code === 'EAUTH' || code.startsWith('no access token')) {
    const what = code === 'EAUTH' ? `${place} refuses the credentials${answered}` : code;
    return fail(
      'smtp.auth',
      `${name}: ${what}`,
      'every mail by it is refused',
      'check user and password, or oauth2; seal a new one with: npm run postern -- secret seal',
    );
  }
  if (code === 'ETLS' || /STARTTLS/.test(text)) {
    return fail(
      'smtp.tls',
      `${name}: ${place} offers no STARTTLS, or somebody strips it`,
      'nothing is sent in clear text',
      'take port 465 with tls: implicit, or mend the network in between',
    );
  }
  const why = `no connection (${code})${answered}: no mail leaves by it`;
  return fail(
    'smtp.connect',
    `${name}: ${place} cannot be reached`,
    why,
    'check host and port, and that the firewall lets them out; many networks close port 25',
  );
}

const reasonIn = (text: string): string =>
  /expired/i.test(text)
    ? 'expired'
    : /altnames/i.test(text)
      ? 'made out to another host'
      : 'no known authority';
