/**
 * Several real processes on one store behind one address, as in production: a small front that takes them in turn and
 * tries the next one when a process does not take the connection, and a real mail server.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../conformance/processes.ts';
import { CHILD_APPS, CHILD_CALLBACK, ChildPostern, partsOf } from './child-postern.ts';
import type { MailParts } from './harness.ts';
import { RelyingParty } from './relying-party.ts';
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts';
import { type Stand, type TestPlace, testPlace } from './stand.ts';
import type { Route } from './wire.ts';

export interface ClusterOptions {
  readonly store: Stand['store'];
  readonly processes?: number;
  /** The `apps` of the configuration file. */
  readonly apps?: Readonly<Record<string, object>>;
  /** Module to run instead of the real entry. */
  readonly entry?: string;
}

export class Cluster {
  readonly url: string;
  readonly sink: SmtpSink;
  readonly place: TestPlace;
  /** Of each process, for whoever wants a certain one. */
  readonly ports: readonly number[];
  /** What all processes, and commands beside them, are told by the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #front: Front;
  readonly #start: (port: number) => Promise<ChildPostern>;
  readonly #members: ChildPostern[];

  private constructor(
    parts: Pick<Cluster, 'url' | 'sink' | 'place' | 'ports' | 'environment'>,
    front: Front,
    start: (port: number) => Promise<ChildPostern>,
    members: ChildPostern[],
  ) {
    this.url = parts.url;
    this.sink = parts.sink;
    this.place = parts.place;
    this.ports = parts.ports;
    this.environment = parts.environment;
    this.#front = front;
    this.#start = start;
    this.#members = members;
  }

  /** All processes start at the same moment on a store that does not exist yet. */
  static async start({ store, processes = 2, apps = CHILD_APPS, entry }: ClusterOptions): Promise<Cluster> {
    const [place, sink] = await Promise.all([testPlace(undefined, store), startSmtpSink()]);
    const ports = await Promise.all(Array.from({ length: processes }, () => freePort()));
    const front = await Front.listen(ports);
    const url = `http://localhost:${front.port}`;
    const { directory, storeUrl } = place;
    const secret = randomBytes(32).toString('base64');
    const shared = { directory, storeUrl, secret, apps, smtpUrl: sink.url };
    const environment = { BASE_URL: url, LOG_LEVEL: 'warn' };
    const start = (port: number): Promise<ChildPostern> =>
      ChildPostern.start({ ...shared, port, environment, ...(entry === undefined ? {} : { entry }) });
    const members = await Promise.all(ports.map(start));
    const told = {
      ...environment,
      NODE_ENV: 'development',
      CONFIG: members[0]?.configFile ?? '',
      STORE_URL: storeUrl,
      SECRET_KEY: secret,
    };
    return new Cluster({ url, sink, place, ports, environment: told }, front, start, members);
  }

  /** Connections that a process did not take and another one did. */
  get retries(): number {
    return this.#front.retries;
  }

  rp(slug = 'shop', clientId = 'web', more: object = {}): RelyingParty {
    const issuer = `${this.url}/${slug}`;
    return new RelyingParty({
      issuer,
      clientId,
      redirectUri: CHILD_CALLBACK,
      scope: 'openid email',
      ...more,
    });
  }

  /** To one process, past the balancer; `index` is asked anew for every request. */
  routeTo(index: () => number): Route {
    return () => ({ host: '127.0.0.1', port: this.ports[index()] ?? 0 });
  }

  /** Sends a message to each process and waits for all answers. */
  async tell(message: object): Promise<void> {
    await Promise.all(this.#members.map((member) => member.ask(message)));
  }

  async mailTo(address: string): Promise<MailParts> {
    return partsOf(await this.sink.mailTo(address));
  }

  /** Ends one process and starts it again on its port; the others serve meanwhile. */
  async restart(index: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<string | number> {
    const [member, port] = [this.#members[index], this.ports[index]];
    if (!member || port === undefined) throw new Error(`there is no process ${index}`);
    await member.stop(signal);
    this.#members[index] = await this.#start(port);
    return member.ended;
  }

  /** Everything that the processes which run now have printed. */
  get output(): string {
    return this.#members.map(({ output }) => output).join('\n');
  }

  async close(): Promise<void> {
    await this.#front.close();
    await Promise.all(this.#members.map((member) => member.stop('SIGKILL')));
    await this.sink.close();
    await this.place.remove();
  }
}

const ROUNDS = 3;
const PAUSE_MS = 50;

/** What a balancer does: takes the processes in turn, and another one where the connection is not taken. */
class Front {
  retries = 0;
  readonly #ports: readonly number[];
  readonly #server: Server;
  #turn = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer((req, res) => void this.#pass(req, res));
  }

  static async listen(ports: readonly number[]): Promise<Front> {
    const front = new Front(ports);
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(Buffer.from(chunk));
    const first = this.#turn++;
    for (let nth = 0; nth < ROUNDS * this.#ports.length; nth += 1) {
      // Whoever was refused by the one before it came up may meet the other just when that goes down.
      if (nth > 0 && nth % this.#ports.length === 0) await delay(PAUSE_MS);
      const port = this.#ports[(first + nth) % this.#ports.length] ?? 0;
      const outcome = await forward(req, Buffer.concat(chunks), res, port);
      if (outcome === 'answered') return;
      this.retries += 1;
    }
    res.writeHead(502).end('no process takes the connection');
  }
}

/** A new connection each time: one that was kept alive may be closed by a stop just when it is used. */
function forward(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  res: ServerResponse,
  port: number,
): Promise<'answered' | 'not taken'> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, method, path: url, agent: false as const };
    const outgoing = request({ ...options, headers: { ...headers, connection: 'close' } }, (incoming) => {
      const { connection: _, 'keep-alive': __, ...kept } = incoming.headers;
      res.writeHead(incoming.statusCode ?? 502, kept);
      incoming.pipe(res);
      incoming.once('close', () => resolve('answered'));
    });
    // Reset before any answer: it stood in the queue of a socket that was closed, so nothing of it was read.
    outgoing.once('error', () => {
      if (res.headersSent) {
        res.destroy();
        resolve('answered');
      } else resolve('not taken');
    });
    outgoing.end(body);
  });
}
