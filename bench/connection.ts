/**
 * HTTP/1.1 over one kept-alive socket, as little of it as a benchmark needs, because a full client would use more CPU
 * than the server that it measures. Answers must carry a Content-Length; anything else is a fault.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly setCookies: readonly string[];
  readonly location: string | undefined;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (fault: Error) => void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

export class Connection {
  readonly #port: number;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** @param head request line and headers, each line with its CRLF, without the length of the body */
  async request(head: string, body?: string): Promise<Answer> {
    const socket = this.#socket ?? (await this.#open());
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      socket.write(`${head}${length}\r\n${body ?? ''}`);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
      socket.once('connect', () => resolve(socket));
      socket.once('error', (fault) => {
        reject(fault);
        this.#fail(fault);
      });
      socket.once('close', () => this.#fail(new Error('the server closed the connection')));
      socket.on('data', (chunk: Buffer) => this.#receive(chunk));
      this.#socket = socket;
    });
  }

  #fail(fault: Error): void {
    this.#socket = undefined;
    this.#waiting?.reject(fault);
    this.#waiting = undefined;
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const lines = this.#received.toString('latin1', 0, headEnd).split('\r\n');
    const headers = lines.slice(1).map(headerOf);
    const header = (name: string) => headers.find((each) => each.name === name)?.value;
    const length = Number(header('content-length') ?? Number.NaN);
    if (Number.isNaN(length)) {
      this.#fail(new Error(`no Content-Length: ${lines[0]}`));
      return;
    }
    const end = headEnd + HEAD_END.length + length;
    if (this.#received.length < end) return;
    const answer: Answer = {
      status: Number(lines[0]?.slice(9, 12)),
      body: this.#received.toString('utf8', headEnd + HEAD_END.length, end),
      setCookies: headers.filter(({ name }) => name === 'set-cookie').map(({ value }) => value),
      location: header('location'),
    };
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    // The server is about to close it; the next request opens another.
    if (header('connection') === 'close') this.close();
    waiting?.resolve(answer);
  }
}

function headerOf(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  return { name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim() };
}
