/**
 * A whole Postern for one test file: the real server on a real port, an embedded store in a directory of its own, mail
 * into the development inbox unless the test brings a transport.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildServer, type Overrides, type Server } from '../../src/app.ts';
import { type AppSettings, type Config, configFile } from '../../src/config/schema.ts';
import type { CapturedMail } from '../../src/mail/transports/capture.ts';
import { type Answer, type Browser, formWith, RelyingParty } from './relying-party.ts';

/** A clock that stands still until it is moved; starts at the real time, because the engine reads that. */
export class TestClock {
  #offset = 0;
  now = (): number => realNow() + this.#offset;
  move(ms: number): void {
    this.#offset += ms;
  }
}

const realNow = Date.now.bind(Date);

export interface HarnessOptions extends Overrides {
  /** The `apps` of a configuration file; `{BASE_URL}` stands for the server's origin. Default: `shop` and `studio`. */
  readonly apps?: Readonly<Record<string, object>>;
  readonly directory?: string;
  readonly secrets?: readonly Buffer[];
  readonly config?: Partial<Config>;
  /** Port to listen on again after a restart. */
  readonly port?: number;
}

export const CALLBACK = 'http://client.test/callback';

/** Two apps, each with a first-party client `web`; shop also has a third-party and a confidential one. */
export const APPS = {
  shop: {
    name: 'Shop',
    clients: {
      web: publicClient({ client_name: 'Shop web', client_uri: 'http://client.test/' }),
      bare: publicClient({ client_name: 'Bare' }),
      partner: publicClient({ client_name: 'Partner', first_party: false }),
      secretive: {
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: 'client_secret_basic',
        client_secret: 'a-long-random-secret-for-tests-0123456789',
      },
    },
  },
  studio: { name: 'Studio', clients: { web: publicClient({ client_name: 'Studio web' }) } },
};

export function publicClient(more: object = {}): object {
  return { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', ...more };
}

export interface Harness {
  readonly url: string;
  readonly server: Server;
  readonly clock: TestClock;
  readonly directory: string;
  readonly config: Config;
  rp(slug?: string, clientId?: string, more?: object): RelyingParty;
  mails(): readonly CapturedMail[];
  /** The newest mail to this address; runs what is due first. */
  mailTo(address: string): Promise<MailParts>;
  close(): Promise<void>;
}

export interface MailParts {
  readonly link: string;
  readonly code: string;
  readonly id: string;
  readonly secret: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
}

export async function startPostern(options: HarnessOptions = {}): Promise<Harness> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'postern-test-'));
  const clock = new TestClock();
  let callback: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => res.end();
  const http = createServer((req, res) => callback(req, res));
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve));
  // A TCP server has no string address.
  const url = `http://localhost:${(http.address() as AddressInfo).port}`;
  const config: Config = {
    production: false,
    host: '127.0.0.1',
    port: 0,
    baseUrl: url,
    storeUrl: `sqlite:${join(directory, 'postern.db')}`,
    secrets: options.secrets ?? [SECRET],
    smtpUrl: undefined,
    logLevel: 'silent',
    trustedProxies: [],
    outboundAllow: [],
    apps: readApps(options.apps ?? APPS, url),
    ...options.config,
  };
  const server = await buildServer(config, { clock, ...options });
  callback = server.callback;

  const mailTo = async (address: string): Promise<MailParts> => {
    // The worker may have taken the job just now by itself: what is under way is waited for by looking again.
    for (let look = 0; look < 200; look += 1) {
      await server.jobs.runDue();
      const found = server.inbox?.list().find(({ mail }) => mail.to === address);
      if (found) return mailParts(found);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no mail to ${address}`);
  };
  return {
    url,
    server,
    clock,
    directory,
    config,
    rp: (slug = 'shop', clientId = 'web', more = {}) =>
      new RelyingParty({
        issuer: `${url}/${slug}`,
        clientId,
        redirectUri: CALLBACK,
        scope: 'openid email',
        now: clock.now,
        ...more,
      }),
    mails: () => server.inbox?.list() ?? [],
    mailTo,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await server.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

const SECRET = randomBytes(32);

function readApps(
  apps: Readonly<Record<string, object>>,
  url: string,
): Readonly<Record<string, AppSettings>> {
  return configFile.parse({ apps: JSON.parse(JSON.stringify(apps).replaceAll('{BASE_URL}', url)) }).apps;
}

export function mailParts({ mail }: CapturedMail): MailParts {
  const { subject, text, html, messageId } = mail;
  const link = /^https?:\/\/\S+$/m.exec(text)?.[0] ?? '';
  const code = /\b(\d{4}) (\d{4})\b/.exec(text);
  const [, id = '', secret = ''] = /\/link\/([^#/]+)[#/](.+)$/.exec(link) ?? [];
  return { link, code: code ? `${code[1]}${code[2]}` : '', id, secret, subject, text, html, messageId };
}

/** Goes to the sign-in page and asks for a mail; gives the page that waits. */
export async function ask(browser: Browser, rp: RelyingParty, address: string, params = {}): Promise<Answer> {
  const page = await browser.visit(await rp.authorizationUrl(params));
  return browser.submit(formWith(page, 'email'), { email: address });
}

/** A complete sign-in by code; gives the callback URL. */
export async function signInByCode(
  harness: Pick<Harness, 'mailTo'>,
  browser: Browser,
  rp: RelyingParty,
  address: string,
  params = {},
): Promise<Answer> {
  const waiting = await ask(browser, rp, address, params);
  const { code } = await harness.mailTo(address);
  return browser.submit(formWith(waiting, 'code'), { code });
}

/** What the link page's script does: the form of the landing page, with the secret from the fragment. */
export async function redeemLink(browser: Browser, mail: MailParts): Promise<Answer> {
  const landing = await browser.visit(mail.link.split('#')[0] ?? '');
  return browser.submit(formWith(landing, 'secret'), { secret: mail.secret });
}

/** The callback that an answer leads to. */
export function callbackOf(answer: Answer): string {
  const url = [answer.next, ...answer.hops.map((hop) => hop.url)].find((candidate) =>
    candidate?.replace('https:', 'http:').startsWith(CALLBACK),
  );
  if (!url) throw new Error(`no callback: ${answer.status} at ${answer.url}: ${answer.body.slice(0, 2000)}`);
  return url;
}
