/**
 * What is answered while the store is away or the house is full: 503 with Retry-After, words that a person can act on, and
 * JSON for programs. Nothing was lost by then, so the page offers to ask once more.
 *
 * `temporarily_unavailable` is the code of RFC 6749 §4.1.2.1. §5.2 has none for the token endpoint; there, libraries go by
 * the status alone (oauth4webapi and the Go and Spring clients read no error of a 5xx), and the code tells a person why.
 */
import type { Retry, WayOn } from '../core/page.ts';
import { infoOf } from './request-info.ts';
import { type PageTarget, type RespondOptions, respond } from './respond.ts';

/** Seconds: a failover or a restart of the database takes a few. */
export const RETRY_AFTER_S = 2;

export interface Unanswered {
  readonly retry: Retry;
  readonly isJson: boolean;
  readonly wayOn?: WayOn;
}

export function answerUnavailable(ctx: PageTarget, unanswered: Unanswered, options: RespondOptions): void {
  const { reference } = infoOf(ctx.req);
  const { retry, isJson, wayOn } = unanswered;
  ctx.set('Retry-After', String(RETRY_AFTER_S));
  if (isJson) {
    ctx.status = 503;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = {
      error: 'temporarily_unavailable',
      error_description: 'the service cannot answer right now, try again',
      reference,
    };
    return;
  }
  respond(
    ctx,
    { view: 'unavailable', status: 503, retry, reference, ...(wayOn === undefined ? {} : { wayOn }) },
    options,
  );
}

/** Below an app: where people are, as opposed to what clients call. */
export const isPagePath = (rest: string): boolean => /^\/(?:auth|session)(?:\/|$)/.test(rest);
