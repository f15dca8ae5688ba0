/** What the house knows of a request besides what it says itself; kept beside the raw request, for both Koa apps. */
import type { IncomingMessage } from 'node:http';
import type { App } from '../apps/apps.ts';
import type { FormAgain } from '../core/page.ts';
import { Patience } from '../core/patience.ts';
import { randomToken } from '../core/random.ts';

export interface RequestInfo {
  /** Reference number: in the log, on the error page and in audit events of this request. */
  readonly reference: string;
  readonly startedAt: number;
  /** Address of the client, trusted proxies taken into account (WB-06). */
  readonly ip: string;
  readonly nonce: string;
  app: App | undefined;
  /** Template of the matched route, for the log; never the path itself (ML-02). */
  route: string;
  /** Asked by a program: it gets JSON, whatever it accepts. */
  isApi: boolean;
  /** The form of this request as far as it was sent by a page of ours: what a 503 offers to send again. */
  form: FormAgain | undefined;
  /** What this request may wait for the store, and whether the store failed it. */
  readonly patience: Patience;
  /** A fault that ended the request before a handler had it. */
  fault: unknown;
}

const infos = new WeakMap<IncomingMessage, RequestInfo>();

export function openRequest(
  req: IncomingMessage,
  startedAt: number,
  ip: string,
  patienceMs: number,
): RequestInfo {
  const info: RequestInfo = {
    reference: randomToken(9),
    startedAt,
    ip,
    nonce: randomToken(16),
    app: undefined,
    route: 'unmatched',
    isApi: false,
    form: undefined,
    patience: new Patience(patienceMs),
    fault: undefined,
  };
  infos.set(req, info);
  return info;
}

/** Throws for a request that did not come through the front door. */
export function infoOf(req: IncomingMessage): RequestInfo {
  const info = infos.get(req);
  if (!info) throw new Error('request without info');
  return info;
}
