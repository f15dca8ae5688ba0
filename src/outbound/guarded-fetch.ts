/**
 * Calls to addresses that a client or an operator named: key sets, logout and webhook receivers (OA-37, OA-41).
 *
 * The address is checked at the moment of connecting, on what the name has just resolved to and what is then connected
 * to, so that a name which answers differently the next time gains nothing. Redirects are answers, never followed; no
 * proxy, no cookies, no connection kept; time and size are bounded over the whole exchange. Does not own what is sent
 * or when it is tried again.
 */
import { lookup as resolveName } from 'node:dns';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type BlockList, isIP, type LookupFunction } from 'node:net';
import { isListed, isPublicAddress, listOf } from '../lib/public-address.ts';

export interface GuardedRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Gives any answer of the other side; throws `OutboundFault` when there is none. */
export type GuardedFetch = (url: string | URL, request?: GuardedRequest) => Promise<Response>;

export interface GuardOptions {
  /** Addresses and CIDR blocks that may be called though they are not public. */
  readonly allow: readonly string[];
  /** Also `http:`, and only at addresses of `allow`: for tests and development. */
  readonly allowHttp?: boolean;
  /** Of the whole exchange, from the question to the name server to the last byte. */
  readonly timeoutMs?: number;
  /** Of the answer's body. */
  readonly maxBytes?: number;
  /** Resolves names; default: the system's way. */
  readonly lookup?: LookupFunction;
}

/** `refused`: will never be called as configured; the others may be over next time. */
export type OutboundReason = 'refused' | 'unreachable' | 'timeout' | 'too_large';

export class OutboundFault extends Error {
  override readonly name = 'OutboundFault';
  readonly reason: OutboundReason;

  constructor(reason: OutboundReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 64 * 1024;

export function createGuardedFetch(options: GuardOptions): GuardedFetch {
  const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = options;
  const allowed = listOf(options.allow);
  return async (target, { method = 'GET', headers = {}, body, signal } = {}) => {
    const url = new URL(target);
    const guard = guardFor(url, allowed, options.allowHttp ?? false);
    const deadline = AbortSignal.timeout(timeoutMs);
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    try {
      const request = send(url, {
        method,
        headers: { ...headers, 'Accept-Encoding': 'identity', Connection: 'close' },
        agent: false,
        signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
        lookup: guardedLookup(guard, options.lookup ?? resolveName),
      });
      return await answerOf(request, body, maxBytes);
    } catch (error) {
      throw faultOf(error, deadline);
    }
  };
}

/** Throws when the address is not one to call. */
type Guard = (address: string) => void;

function guardFor(url: URL, allowed: BlockList, allowHttp: boolean): Guard {
  const isPlain = url.protocol === 'http:';
  if (url.protocol !== 'https:' && !(isPlain && allowHttp)) {
    throw new OutboundFault('refused', `${url.protocol} is not called`);
  }
  if (url.username !== '' || url.password !== '') throw new OutboundFault('refused', 'credentials in a URL');
  const guard: Guard = (address) => {
    if (isListed(allowed, address) || (!isPlain && isPublicAddress(address))) return;
    throw new OutboundFault('refused', 'the address is not public and not in OUTBOUND_ALLOW');
  };
  // A literal is connected to without any lookup. The URL parser has turned 0x7f.1 and its like into dotted form.
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) guard(literal);
  return guard;
}

/** Hands on only what was checked; one address that is not public spoils the whole answer. */
function guardedLookup(guard: Guard, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found : [];
      const [first] = addresses;
      if (error || !first) {
        callback(error ?? new Error('name without addresses'), []);
        return;
      }
      try {
        for (const { address } of addresses) guard(address);
      } catch (refused) {
        callback(refused as Error, []); // thrown by the guard
        return;
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

async function answerOf(
  request: ClientRequest,
  body: string | undefined,
  maxBytes: number,
): Promise<Response> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    // For as long as the request lives: an error that nobody listens to would end the process.
    request.on('error', reject);
    // A connection that ends without either, such as one that was to be switched to another protocol.
    request.once('close', () => reject(new Error('closed without an answer')));
    request.end(body);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // A body that was compressed without our asking would pass the limit and grow behind it.
    if ((answer.headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw new OutboundFault('too_large', 'compressed answer');
    }
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new OutboundFault('too_large', `answer over ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } finally {
    request.destroy();
  }
  const status = answer.statusCode ?? 0;
  const isEmpty = status === 204 || status === 205 || status === 304;
  return new Response(isEmpty ? null : Buffer.concat(chunks), { status, headers: headersOf(answer) });
}

function headersOf(answer: IncomingMessage): Headers {
  const headers = new Headers();
  const type = answer.headers['content-type'];
  if (type !== undefined) headers.set('content-type', type);
  return headers;
}

function faultOf(error: unknown, deadline: AbortSignal): OutboundFault {
  if (error instanceof OutboundFault) return error;
  return deadline.aborted
    ? new OutboundFault('timeout', 'no answer in time', error)
    : new OutboundFault('unreachable', 'no answer', error);
}
