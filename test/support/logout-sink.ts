/** A client's back-channel logout endpoint: keeps what it was sent, and answers as the test says. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Notice {
  /** Path it came to: which client. */
  readonly path: string;
  readonly method: string;
  readonly type: string;
  readonly token: string;
}

export class LogoutSink {
  readonly notices: Notice[] = [];
  /** Status of the next answers; `never` leaves the caller waiting. */
  answer: number | 'never' = 200;
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server) {
    this.#server = server;
    // A TCP server has no string address.
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<LogoutSink> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sink = new LogoutSink(server);
    server.on('request', async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(Buffer.from(chunk));
      sink.notices.push({
        path: req.url ?? '',
        method: req.method ?? '',
        type: req.headers['content-type'] ?? '',
        token: new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token') ?? '',
      });
      if (sink.answer === 'never') return;
      res.writeHead(sink.answer).end();
    });
    return sink;
  }

  clear(): void {
    this.notices.length = 0;
    this.answer = 200;
    // Whoever still waits for an answer waits no longer.
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
