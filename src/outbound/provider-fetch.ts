/**
 * Calls to services that the operator's own configuration names, such as the HTTP interface of a mail provider. Their
 * addresses are trusted as the configuration is, so private networks are allowed; whether the service behaves is not:
 * connecting, waiting and reading each have an end, the answer has a size, a redirect is an answer like any other (the
 * credentials never follow it), and plain `http:` only reaches this machine. Connections are kept and reused.
 */
import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';

export interface ProviderRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal | undefined;
}

/** `reason` is one of a few fixed words, fit for a log and for the person who mends it. */
export type ProviderAnswer =
  | {
      readonly isAnswer: true;
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
    }
  | { readonly isAnswer: false; readonly reason: ProviderReason };

export type ProviderReason =
  | 'connection failed'
  | 'certificate refused'
  | 'no connection in time'
  | 'no answer in time'
  | 'answer cut off'
  | 'answer too large'
  | 'aborted'
  | 'not https';

export interface ProviderFetch {
  (request: ProviderRequest): Promise<ProviderAnswer>;
  close(): void;
}

export interface ProviderLimits {
  /** ms until the connection stands, TLS included. */
  readonly connect: number;
  /** ms until the status line, from when the connection stands. */
  readonly headers: number;
  /** ms for everything. */
  readonly total: number;
  /** Of the answer's body. */
  readonly bytes: number;
}

const LIMITS: ProviderLimits = { connect: 10_000, headers: 30_000, total: 45_000, bytes: 256 * 1024 };
/** Connections of one process to one provider. */
const MAX_SOCKETS = 16;
/** Shorter than what load balancers keep, so that a request is not written into a connection that is just being closed. */
const IDLE_MS = 4000;

export function createProviderFetch(
  options: { readonly limits?: Partial<ProviderLimits>; readonly ca?: string } = {},
): ProviderFetch {
  const limits = { ...LIMITS, ...options.limits };
  const kept = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS };
  const plain = new HttpAgent(kept);
  const secure = new HttpsAgent({ ...kept, minVersion: 'TLSv1.2', ...(options.ca && { ca: options.ca }) });

  const call = (asked: ProviderRequest): Promise<ProviderAnswer> => {
    const url = new URL(asked.url);
    const isPlain = url.protocol === 'http:';
    if (!(url.protocol === 'https:' || (isPlain && isLoopback(url.hostname)))) {
      return Promise.resolve({ isAnswer: false, reason: 'not https' });
    }
    return new Exchange(asked, limits).run((begin) =>
      isPlain ? request(url, { ...begin, agent: plain }) : requestHttps(url, { ...begin, agent: secure }),
    );
  };
  return Object.assign(call, {
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  });
}

type Begin = (options: {
  method: string;
  headers: Readonly<Record<string, string>>;
}) => ReturnType<typeof request>;

class Exchange {
  readonly #asked: ProviderRequest;
  readonly #limits: ProviderLimits;
  readonly #timers = new Set<NodeJS.Timeout>();
  #reason: ProviderReason | undefined;

  constructor(asked: ProviderRequest, limits: ProviderLimits) {
    this.#asked = asked;
    this.#limits = limits;
  }

  async run(begin: Begin): Promise<ProviderAnswer> {
    const { method, headers, body, signal } = this.#asked;
    if (signal?.aborted) return { isAnswer: false, reason: 'aborted' };
    const sent = begin({ method, headers: { ...headers, 'Accept-Encoding': 'identity' } });
    const end = (reason: ProviderReason): void => {
      this.#reason ??= reason;
      sent.destroy(new Error(reason));
    };
    const abort = (): void => end('aborted');
    signal?.addEventListener('abort', abort, { once: true });
    this.#after(this.#limits.total, () => end('no answer in time'));
    try {
      const answer = await this.#answerTo(sent, body, end);
      return {
        isAnswer: true,
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: await this.#bodyOf(answer, end),
      };
    } catch (thrown) {
      return { isAnswer: false, reason: this.#reason ?? reasonOf(thrown) };
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  #answerTo(
    sent: ReturnType<typeof request>,
    body: string | Buffer | undefined,
    end: (reason: ProviderReason) => void,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const connecting = this.#after(this.#limits.connect, () => end('no connection in time'));
      const connected = (): void => {
        clearTimeout(connecting);
        this.#after(this.#limits.headers, () => end('no answer in time'));
      };
      sent.once('socket', (socket: Socket & { encrypted?: boolean }) => {
        if (sent.reusedSocket) connected();
        else socket.once(socket.encrypted ? 'secureConnect' : 'connect', connected);
      });
      sent.once('response', resolve);
      // For as long as the request lives: an error that nobody listens to would end the process.
      sent.on('error', reject);
      sent.once('close', () => reject(new Error('closed without an answer')));
      sent.end(body);
    });
  }

  async #bodyOf(answer: IncomingMessage, end: (reason: ProviderReason) => void): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > this.#limits.bytes) end('answer too large');
      else chunks.push(chunk);
    }
    if (this.#reason !== undefined || !answer.complete) throw new Error('the answer did not arrive whole');
    return Buffer.concat(chunks).toString('utf8');
  }

  #after(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(act, ms);
    this.#timers.add(timer);
    return timer;
  }
}

function reasonOf(thrown: unknown): ProviderReason {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)) return 'certificate refused';
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/.test(code)) {
    return 'connection failed';
  }
  return 'answer cut off';
}

/** Of a URL: names in its canonical form, IPv6 in brackets. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
