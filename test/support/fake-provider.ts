/** The HTTP interface of a mail provider as a test plays it: keeps every request, answers as told, or misbehaves. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface ProviderCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** Of a JSON body. */
  readonly json: Record<string, unknown>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

/** A reply, or what a server in trouble does with the connection. */
export type Behaviour = Reply | ((response: ServerResponse, call: ProviderCall) => void);

export interface FakeProvider {
  readonly url: string;
  readonly calls: readonly ProviderCall[];
  /** Connections opened so far. */
  readonly connections: number;
  answer(...behaviours: readonly Behaviour[]): void;
  close(): Promise<void>;
}

export async function startFakeProvider(tls?: { key: string; cert: string }): Promise<FakeProvider> {
  const calls: ProviderCall[] = [];
  const sockets = new Set<Socket>();
  let queue: Behaviour[] = [];
  let connections = 0;
  const server: Server = tls ? createSecureServer(tls) : createServer();
  server.on('request', async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = Buffer.concat(chunks);
    const text = body.toString('utf8');
    const call = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      text,
      json: text.startsWith('{') ? JSON.parse(text) : {},
    };
    calls.push(call);
    // The last one stays.
    const behaviour = queue.length > 1 ? queue.shift() : queue[0];
    if (behaviour === undefined) response.writeHead(500).end();
    else if (typeof behaviour === 'function') behaviour(response, call);
    else reply(response, behaviour);
  });
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `${tls ? 'https' : 'http'}://localhost:${port}`.replace('http://localhost', 'http://127.0.0.1'),
    calls,
    get connections() {
      return connections;
    },
    answer: (...behaviours) => {
      queue = [...behaviours];
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function reply(response: ServerResponse, { status, headers = {}, json, text }: Reply): void {
  const body = json === undefined ? (text ?? '') : JSON.stringify(json);
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
  });
  response.end(body);
}

/** What a provider in trouble does. */
export const TROUBLE = {
  hang: () => undefined,
  cut: (response: ServerResponse) => response.destroy(),
  'cut in the body': (response: ServerResponse) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '500' });
    response.write('{"id":"');
    setTimeout(() => response.destroy(), 10);
  },
  'slow drip': (response: ServerResponse) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  },
  'huge body': (response: ServerResponse) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const pour = (): void => {
      while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
      if (!response.destroyed) response.once('drain', pour);
    };
    pour();
  },
} as const satisfies Record<string, Behaviour>;
