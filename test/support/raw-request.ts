/** Bytes on a socket: what no HTTP client would send. */
import { connect } from 'node:net';
import type { Harness } from './harness.ts';

export interface RawReply {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** How many answers came back: a smuggled request would get one of its own. */
  readonly answers: number;
}

/** Sends the bytes, waits until the server closes; send `Connection: close` where it would not. */
export function sendRaw(harness: Harness, bytes: string): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(harness.url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    // A server that refuses a request may close while we still write.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(parse(text)));
    socket.write(bytes, 'latin1');
  });
}

/** Head lines joined, with an empty line behind. */
export const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

function parse(text: string): RawReply {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    head,
    body: rest.join('\r\n\r\n'),
    answers: text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0,
  };
}
