/**
 * Mail by the HTTP interface of a provider: what all of them share. A provider's own file says how a mail becomes a
 * request and what its answers mean; here addresses are checked, the call is made, and what says nothing about a provider
 * (no connection, 429, 5xx) is read.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type Clock, MINUTE, SECOND } from '../../core/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ProviderFetch } from '../../outbound/provider-fetch.ts';
import type { Delivery, OutgoingMail, Scope, Transport } from '../transport.ts';
import { addressFault } from './addresses.ts';

export interface ApiRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface HttpApi {
  request(mail: OutgoingMail): Promise<ApiRequest> | ApiRequest;
  /** The provider's id of an accepted mail; undefined when a 2xx is not what it answers, such as a portal's page. */
  idOf(answer: ApiAnswer): string | undefined;
  /** The provider's own code of an error, and what it is about where that is known. */
  errorOf(answer: ApiAnswer): ApiError;
}

export interface ApiError {
  /** A fixed word or number of the provider; its sentences quote addresses. */
  readonly code?: string | undefined;
  readonly scope?: Scope | undefined;
  /** Whether it may pass by itself; default: told by the status. */
  readonly mayPass?: boolean;
}

export interface ApiDeps {
  readonly fetch: ProviderFetch;
  readonly clock: Clock;
  readonly log: Log;
}

const MAX_RETRY_AFTER = 60 * MINUTE;

export function createApiTransport(
  name: string,
  api: HttpApi,
  { fetch: call, clock, log }: ApiDeps,
): Transport {
  let isClosed = false;
  return {
    name,
    async send(mail, signal) {
      if (isClosed) return { outcome: 'deferred', reason: 'transport closed', scope: 'transport' };
      const fault = addressFault(mail);
      if (fault) return fault;
      const answer = await call({ method: 'POST', ...(await api.request(mail)), signal });
      if (!answer.isAnswer) {
        log.debug({ app: mail.app, transport: name, reason: answer.reason }, 'mail provider not reached');
        return { outcome: 'deferred', reason: answer.reason, scope: 'transport' };
      }
      return deliveryOf({ ...answer, json: jsonOf(answer.body) }, api, clock);
    },
    async close() {
      isClosed = true;
    },
  };
}

function deliveryOf(answer: ApiAnswer, api: HttpApi, clock: Clock): Delivery {
  const { status } = answer;
  if (status >= 200 && status < 300) {
    const id = api.idOf(answer);
    // Perhaps accepted; a second mail with the same link is better than none.
    if (id === undefined)
      return { outcome: 'deferred', reason: `HTTP ${status} unreadable`, scope: 'transport' };
    return { outcome: 'accepted', ...(/^[\x21-\x7e]{1,300}$/.test(id) && { providerId: id }) };
  }
  const error = api.errorOf(answer);
  const code = error.code !== undefined && /^[\w.:/-]{1,80}$/.test(error.code) ? ` ${error.code}` : '';
  const reason = `HTTP ${status}${code}`;
  const scope = error.scope ?? scopeOf(status);
  if (error.mayPass ?? mayPass(status)) {
    const retryAfterMs = retryAfter(answer.headers, clock);
    return {
      outcome: 'deferred',
      reason,
      scope: scope === 'recipient' ? 'recipient' : 'transport',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }
  return { outcome: 'refused', reason, scope };
}

const mayPass = (status: number): boolean => status >= 500 || [408, 409, 425, 429].includes(status);

/**
 * A 400 that nobody explains is about this mail: were it about the provider, whoever types an address that one provider
 * dislikes would take that provider out of use for everybody.
 */
const scopeOf = (status: number): Scope => ([400, 413, 422].includes(status) ? 'message' : 'transport');

/** RFC 9110 §10.2.3: seconds or a date. Some providers only say when their window ends. */
function retryAfter(headers: IncomingHttpHeaders, clock: Clock): number | undefined {
  const written = headers['retry-after'];
  const ms =
    written === undefined
      ? windowEnd(headers, clock)
      : /^\d+$/.test(written)
        ? Number(written) * SECOND
        : Date.parse(written) - clock.now();
  return ms !== undefined && Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER) : undefined;
}

/** SendGrid gives the second of the clock (`x-ratelimit-reset`), Resend and Brevo the seconds that are left. */
function windowEnd(headers: IncomingHttpHeaders, clock: Clock): number | undefined {
  const written =
    headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'] ?? headers['x-sib-ratelimit-reset'];
  if (typeof written !== 'string' || !/^\d{1,12}$/.test(written)) return undefined;
  const seconds = Number(written);
  const isMoment = seconds > 1_000_000_000;
  return isMoment ? seconds * SECOND - clock.now() : seconds * SECOND;
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** A property of what somebody else sent; undefined when there is none. */
export function fieldOf(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[key]; // of an object any property may be asked for
  }
  return at;
}

export const textOf = (value: unknown, ...path: readonly (string | number)[]): string | undefined => {
  const found = fieldOf(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
};

/** `base` may end in a slash, and have a path of its own. */
export const urlUnder = (base: string, path: string): string => base.replace(/\/+$/, '') + path;

export const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' } as const;
