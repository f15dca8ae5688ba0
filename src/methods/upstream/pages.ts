/** Pages of this method: coming back, and what went wrong on the way. */
import type { Page, WayOn } from '../../core/page.ts';
import type { InteractionRequest } from '../method.ts';
import type { Refusal } from './client.ts';
import type { Configured } from './providers.ts';

const TEXTS = {
  unavailable: 'upstream.unavailable',
  misconfigured: 'upstream.misconfigured',
  bad_answer: 'upstream.bad_answer',
  not_allowed: 'upstream.not_allowed',
  not_fresh: 'upstream.not_fresh',
  /** Sent before, too late, or for another request. */
  over: 'upstream.over',
} as const satisfies Record<Refusal | 'over', string>;

/** The way on leads to the page where this request stands. */
export function refusedPage(
  request: InteractionRequest,
  configured: Pick<Configured, 'provider'> | undefined,
  reason: Refusal | 'over',
): Page {
  return {
    view: 'method',
    page: 'upstream/refused',
    status: reason === 'unavailable' || reason === 'misconfigured' ? 503 : 400,
    heading: 'upstream.refused_heading',
    mark: 'warning',
    model: {
      text: TEXTS[reason],
      provider: configured?.provider.label ?? '',
      back: request.form('').action.replace(/\/$/, ''),
      wayOn: null,
    },
  };
}

/** Outside any interaction of this browser: nothing leads on but the client itself. */
export const strandedPage = (wayOn: WayOn | undefined): Page => ({
  view: 'method',
  page: 'upstream/refused',
  status: 400,
  heading: 'upstream.refused_heading',
  mark: 'warning',
  model: { text: TEXTS.over, provider: '', back: null, wayOn: wayOn ?? null },
});

/** Sends itself: the browser is back, and only a POST from our own page finishes. */
export const returnPage = (request: InteractionRequest): Page => ({
  view: 'method',
  page: 'upstream/return',
  status: 200,
  heading: 'upstream.return_heading',
  mark: 'wait',
  model: { form: request.form(`upstream-finish/${encodeURIComponent(request.target ?? '')}`) },
  scripts: ['send-form.js'],
});
