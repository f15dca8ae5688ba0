/**
 * A TCP proxy before a MongoDB that reads along: it knows where one command ends and the next begins, so that a fault
 * can be placed before a request reaches the server or before its answer reaches the client. Commands that only keep the
 * connection alive are let through without counting.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { BSON, type Document } from 'mongodb';

export interface Command {
  /** The first field of the body, such as `find`. */
  readonly name: string;
  readonly body: Document;
}

/** `request`: the server never sees it. `reply`: it is done, and the client never hears of it. */
export type Side = 'request' | 'reply';

/** Asked for every command that counts, as it arrives. */
export type Decide = (
  command: Command,
  n: number,
) => 'pass' | { readonly cut: Side } | { readonly holdMs: number };

const HEADER = 16;
const OP_MSG = 2013;
/** Handshakes, monitors and farewells. */
const UNCOUNTED = new Set([
  'hello',
  'isMaster',
  'ismaster',
  'endSessions',
  'ping',
  'saslStart',
  'saslContinue',
  'killCursors',
]);

export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  #isRefusing = false;
  #count = 0;
  decide: Decide = () => 'pass';

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#join(client));
  }

  static async before(host: string, port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy({ host, port });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    // A listening TCP server has an address of this kind.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Counting begins anew: the next command is number 0. */
  restart(decide: Decide = () => 'pass'): void {
    this.#count = 0;
    this.decide = decide;
  }

  /** How many commands counted since `restart`. */
  get count(): number {
    return this.#count;
  }

  /** Breaks all connections now. */
  cut(): void {
    for (const pair of this.#pairs) pair.destroy();
  }

  /** Breaks all connections and takes no new ones, as a host that is down. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  resume(): void {
    this.#isRefusing = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const pair = new Pair(client, this.#target, (command) => {
      if (UNCOUNTED.has(command.name)) return 'pass';
      const n = this.#count;
      this.#count += 1;
      return this.decide(command, n);
    });
    this.#pairs.add(pair);
    client.once('close', () => this.#pairs.delete(pair));
  }
}

/** One connection of a client and the one to the server that belongs to it. */
class Pair {
  readonly #client: Socket;
  readonly #server = new Socket();
  readonly #ask: (command: Command) => ReturnType<Decide>;
  #toServer = Promise.resolve();
  #isReplyLost = false;

  constructor(
    client: Socket,
    target: { readonly host: string; readonly port: number },
    ask: (command: Command) => ReturnType<Decide>,
  ) {
    this.#client = client;
    this.#ask = ask;
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.destroy());
      socket.on('close', () => this.destroy());
    }
    this.#server.connect(target.port, target.host);
    eachMessage(client, (message) => {
      // In order, also while one is held back.
      this.#toServer = this.#toServer.then(() => this.#forward(message));
    });
    eachMessage(this.#server, (message) => {
      // The server has done it: now the client's end breaks instead of hearing so.
      if (this.#isReplyLost) this.destroy();
      else client.write(message);
    });
    client.resume();
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  async #forward(message: Buffer): Promise<void> {
    const command = commandIn(message);
    const decision = command === undefined ? 'pass' : this.#ask(command);
    if (decision !== 'pass' && 'cut' in decision) {
      if (decision.cut === 'request') return this.destroy();
      this.#isReplyLost = true;
    }
    if (decision !== 'pass' && 'holdMs' in decision) {
      await new Promise((resolve) => setTimeout(resolve, decision.holdMs));
    }
    this.#server.write(message);
  }
}

/** Each message begins with its length, 32 bits, little-endian. */
function eachMessage(socket: Socket, act: (message: Buffer) => void): void {
  let waiting: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    while (waiting.length >= HEADER) {
      const length = waiting.readInt32LE(0);
      if (waiting.length < length) return;
      act(waiting.subarray(0, length));
      waiting = waiting.subarray(length);
    }
  });
}

/** Undefined for the old kind of message, which only greets. */
export function commandIn(message: Buffer): Command | undefined {
  if (message.readInt32LE(12) !== OP_MSG) return undefined;
  const body: Document = {};
  // Behind the header and the flags: sections, of kind 0 (a document) or 1 (a named list of documents).
  for (let at = HEADER + 4; at < message.length; ) {
    const kind = message[at];
    const size = message.readInt32LE(at + 1);
    if (kind === 0) Object.assign(body, BSON.deserialize(message.subarray(at + 1, at + 1 + size)));
    else if (kind === 1) Object.assign(body, listIn(message.subarray(at + 1, at + 1 + size)));
    else return undefined;
    at += 1 + size;
  }
  const name = Object.keys(body).find((key) => !key.startsWith('$')) ?? '';
  return { name, body };
}

function listIn(section: Buffer): Document {
  const end = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = end + 1; at < section.length; ) {
    const size = section.readInt32LE(at);
    documents.push(BSON.deserialize(section.subarray(at, at + size)));
    at += size;
  }
  return { [section.toString('utf8', 4, end)]: documents };
}
