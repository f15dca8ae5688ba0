/** One HTTP exchange over a kept-alive connection, nothing followed and nothing interpreted. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/**
 * Where a URL is really sent, for issuers on names that do not resolve. An https URL goes there in plain text with the
 * headers that a TLS proxy would add, so that tests see production's cookies without certificates.
 */
export type Route = (url: URL) => { readonly host: string; readonly port: number } | undefined;

export interface Exchange {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly route?: Route | undefined;
  /** Address to send from, such as 127.0.0.7: another network for whoever counts by address. */
  readonly localAddress?: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Races run 64 requests at once and more: no request may wait for another one's connection. */
const agent = new Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 128 });

export function exchange(url: URL, { method, headers, body, route, localAddress }: Exchange): Promise<Reply> {
  const target = route?.(url);
  if (!target && url.protocol !== 'http:') throw new Error(`no route for ${url.origin}`);
  const forwarded = target && url.protocol === 'https:' ? { 'x-forwarded-proto': 'https' } : {};
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        method,
        // Brackets are the URL's spelling of an IPv6 address, not part of it.
        host: target?.host ?? url.hostname.replace(/^\[|\]$/g, ''),
        port: target?.port ?? (url.port === '' ? 80 : Number(url.port)),
        path: url.pathname + url.search,
        localAddress,
        headers: {
          host: url.host,
          ...forwarded,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
