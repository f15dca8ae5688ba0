/** All mailboxes of the world: takes what servers send, by message from a process or by SMTP, and hands it to who waits. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

const PATIENCE_MS = 30_000;

export class Mailbox {
  readonly #waiting = new Map<string, (text: string) => void>();

  /** Text of the next mail to this address; asked for before the mail is. Rejects when none comes. */
  mailTo(address: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no mail to ${address}`)), PATIENCE_MS);
      this.#waiting.set(address, (text) => {
        clearTimeout(timer);
        this.#waiting.delete(address);
        resolve(text);
      });
    });
  }

  deliver(to: string, text: string): void {
    this.#waiting.get(to)?.(text);
  }
}

/** The least SMTP that a client needs (RFC 5321 §4.5.1), because a full server would slow down the generator. */
export async function startMailServer(mailbox: Mailbox): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    converse(socket, mailbox);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server has no string address
  return {
    url: `smtp://127.0.0.1:${port}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function converse(socket: Socket, mailbox: Mailbox): void {
  let received = '';
  let to = '';
  let isData = false;
  const reply = (line: string) => socket.write(`${line}\r\n`);
  const take = (end: string): string | undefined => {
    const at = received.indexOf(end);
    if (at < 0) return undefined;
    const taken = received.slice(0, at);
    received = received.slice(at + end.length);
    return taken;
  };
  reply('220 bench');
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    for (;;) {
      const text = take(isData ? '\r\n.\r\n' : '\r\n');
      if (text === undefined) return;
      if (isData) {
        isData = false;
        mailbox.deliver(to, readQuotedPrintable(text));
        reply('250 ok');
        continue;
      }
      const verb = text.slice(0, 4).toUpperCase();
      if (verb === 'RCPT') to = /<([^>]*)>/.exec(text)?.[1] ?? '';
      isData = verb === 'DATA';
      reply(isData ? '354 go on' : verb === 'QUIT' ? '221 bye' : '250 ok');
    }
  });
}

/** RFC 2045 §6.7; enough to find a link in the text part. */
const readQuotedPrintable = (text: string): string =>
  text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('\r\n', '\n');
