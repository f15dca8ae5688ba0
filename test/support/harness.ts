/**
 * A whole Postern for one test file: the real server on a real port, a store of its own, mail into the development inbox
 * unless the test brings a transport. Which store, and whether two servers share it, is the stand's choice (stand.ts):
 * each of two has its own connections, caches and workers, and the requests alternate between them.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildServer, type Overrides, type Server } from '../../src/app.ts';
import { type AppSettings, type Config, configFile } from '../../src/config/schema.ts';
import {
  type CapturedMail,
  type CaptureTransport,
  createCaptureTransport,
} from '../../src/mail/transports/capture.ts';
import type { MethodDefinition } from '../../src/methods/method.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';
import { type Answer, type Browser, formWith, RelyingParty } from './relying-party.ts';
import { STAND, testPlace } from './stand.ts';

/** A clock that stands still until it is moved; starts at the real time, because the engine reads that. */
export class TestClock {
  #offset = 0;
  now = (): number => realNow() + this.#offset;
  move(ms: number): void {
    this.#offset += ms;
  }
}

const realNow = Date.now.bind(Date);

export interface HarnessOptions extends Omit<Overrides, 'store'> {
  /** The `apps` of a configuration file; `{BASE_URL}` stands for the server's origin. Default: `shop` and `studio`. */
  readonly apps?: Readonly<Record<string, object>>;
  /** Of a store that stays when the harness is closed: see `testPlace`. */
  readonly directory?: string;
  /** The test is about the embedded store and stands on it everywhere. */
  readonly embedded?: boolean;
  /** Puts something around each server's store, such as `intercepted`. */
  readonly wrapStore?: (store: Store) => Store;
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
  /** What the server is asked beside HTTP; where there are two, their common work is done by both. */
  readonly server: Server;
  /** Of all servers on this store. */
  readonly inbox: CaptureTransport;
  readonly clock: TestClock;
  readonly directory: string;
  readonly config: Config;
  rp(slug?: string, clientId?: string, more?: object): RelyingParty;
  mails(): readonly CapturedMail[];
  /** The newest mail to this address; runs what is due first. */
  mailTo(address: string): Promise<MailParts>;
  /** What a thief of the database would hold. */
  dump(): Promise<string>;
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
  const place = await testPlace(options.directory, options.embedded ? 'sqlite' : STAND.store);
  const clock = options.clock instanceof TestClock ? options.clock : new TestClock();
  const inbox = options.inbox ?? createCaptureTransport({ clock });
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
    storeUrl: place.storeUrl,
    secrets: options.secrets ?? [SECRET],
    smtpUrl: undefined,
    logLevel: 'silent',
    trustedProxies: [],
    outboundAllow: [],
    apps: readApps(options.apps ?? APPS, url, options.methods),
    ...options.config,
  };
  const server = await buildServers(config, options, { clock, inbox });
  callback = server.callback;

  return {
    url,
    server,
    inbox,
    clock,
    directory: place.directory,
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
    mails: () => inbox.list(),
    mailTo: (address) => mailIn(inbox, server, address),
    dump: () => place.dump(),
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await server.close();
      if (options.directory === undefined) await place.remove();
    },
  };
}

type Shared = Required<Pick<Overrides, 'clock' | 'inbox'>>;

/** As many servers as the stand has, booted at the same moment on the same store, as one. */
async function buildServers(config: Config, options: HarnessOptions, shared: Shared): Promise<Server> {
  const { wrapStore = (store) => store, log, metrics } = options;
  const onBatch = (size: number): void => metrics?.batch(size);
  // Whoever closes first must not empty it for the others.
  const inbox = { ...shared.inbox, close: async () => undefined };
  const build = () => {
    const store = wrapStore(openStore(config.storeUrl, { log, onBatch }));
    return buildServer(config, { ...options, ...shared, inbox, store });
  };
  const [first, ...others] = await Promise.all([build(), ...(STAND.servers === 2 ? [build()] : [])]);
  return others.length === 0 ? first : asOne([first, ...others]);
}

function asOne(servers: readonly [Server, ...Server[]]): Server {
  const [first] = servers;
  const all = async (act: (server: Server) => Promise<void>): Promise<void> => {
    await Promise.all(servers.map(act));
  };
  let turn = 0;
  return {
    ...first,
    callback: (req, res) => {
      turn = (turn + 1) % servers.length;
      return (servers[turn] ?? first).callback(req, res);
    },
    jobs: { ...first.jobs, runDue: () => all((server) => server.jobs.runDue()) },
    tick: () => all((server) => server.tick()),
    warmUp: () => all((server) => server.warmUp()),
    retire: () => {
      for (const server of servers) server.retire();
    },
    close: () => all((server) => server.close()),
  };
}

async function mailIn(inbox: CaptureTransport, { jobs }: Server, address: string): Promise<MailParts> {
  // The worker may have taken the job just now by itself: what is under way is waited for by looking again.
  for (let look = 0; look < 200; look += 1) {
    await jobs.runDue();
    const found = inbox.list().find(({ mail }) => mail.to === address);
    if (found) return mailParts(found);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no mail to ${address}`);
}

const SECRET = randomBytes(32);

/** Settings of methods that are not of the house are read by their own schemas. */
function readApps(
  apps: Readonly<Record<string, object>>,
  url: string,
  more: readonly MethodDefinition[] = [],
): Readonly<Record<string, AppSettings>> {
  const raw: Record<string, { methods?: Record<string, unknown> }> = JSON.parse(
    JSON.stringify(apps).replaceAll('{BASE_URL}', url),
  );
  const own = Object.entries(raw).map(([slug, { methods = {} }]) => {
    const found = more.filter(({ name }) => Object.hasOwn(methods, name));
    const parsed = found.map(({ name, settings }) => [name, settings.parse(methods[name])] as const);
    for (const { name } of found) delete methods[name];
    return [slug, Object.fromEntries(parsed)] as const;
  });
  const read = configFile.parse({ apps: raw }).apps;
  for (const [slug, methods] of own) Object.assign(read[slug]?.methods ?? {}, methods);
  return read;
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
