/**
 * `/callback/{provider}`: where a provider sends the browser back. Redeems nothing and signs nobody in; it spends `state`,
 * keeps the answer for the interaction that it belongs to, and sends the browser there.
 *
 * Most come by GET, as a navigation with our cookies. Apple's come as a form from its own site, without them: those are
 * kept too, and the browser is asked for its cookies by one more GET that carries nothing but the name of the visit.
 */
import { randomToken } from '../../core/random.ts';
import type { CallbackRequest, StepAnswer } from '../method.ts';
import { told, type UpstreamDeps } from './deps.ts';
import { strandedPage } from './pages.ts';
import { type Configured, findProvider } from './providers.ts';

import type { Answer, Bound } from './visits.ts';

/** Undefined when no provider of this app has this callback (AC-10). */
export async function callback(
  request: CallbackRequest,
  deps: UpstreamDeps,
): Promise<StepAnswer | undefined> {
  const { app, target, verb, query, body, browser } = request;
  const configured = findProvider(app, target);
  if (!configured) return undefined;
  if (verb === 'GET' && query.visit !== undefined) return bounced(request, configured, query.visit, deps);
  const { provider } = configured;
  const isForm = provider.protocol === 'oidc' && provider.responseMode === 'form_post';
  if ((verb === 'POST') !== isForm) return { answer: 'refused', error: 'method_not_allowed' };
  const answer = isForm ? body : query;
  const { state = '' } = answer;
  const held = await deps.visits.peek(app.id, 'state', state);
  if (!held) return stranded(request, deps, configured, 'unknown_state');
  const { bound, content: visit } = held;
  if (!isOf(bound, configured)) return stranded(request, deps, configured, 'other_provider', bound);
  // Another browser spends nothing: the one that began may still come (AC-08).
  if (verb === 'GET' && bound.browser !== browser.asking)
    return stranded(request, deps, configured, 'other_browser', bound);
  if (!(await deps.visits.consume(app.id, 'state', state)))
    return stranded(request, deps, configured, 'unknown_state', bound);
  const visitId = randomToken();
  await deps.visits.put(app.id, 'answer', visitId, { bound, content: { visit, answer: meant(answer) } });
  const url = isForm
    ? `${configured.redirectUri}?visit=${visitId}`
    : request.interactionForm(bound.uid, `upstream-return/${visitId}`).action;
  return { answer: 'redirect', url, name: provider.label };
}

async function bounced(
  request: CallbackRequest,
  configured: Configured,
  visitId: string,
  deps: UpstreamDeps,
): Promise<StepAnswer> {
  const held = await deps.visits.peek(request.app.id, 'answer', visitId);
  if (!held || !isOf(held.bound, configured)) return stranded(request, deps, configured, 'unknown_state');
  const { bound } = held;
  if (bound.browser !== request.browser.asking)
    return stranded(request, deps, configured, 'other_browser', bound);
  const { action } = request.interactionForm(bound.uid, `upstream-return/${visitId}`);
  return { answer: 'redirect', url: action, name: configured.provider.label };
}

const isOf = (bound: Bound, { name, fingerprint }: Configured): boolean =>
  bound.provider === name && bound.fingerprint === fingerprint;

/** Descriptions and whatever else a provider adds are anybody's text, and are not kept. */
function meant(answer: Answer): Answer {
  const kept = ['code', 'state', 'iss', 'error'].flatMap((name) => {
    const value = answer[name];
    return value === undefined ? [] : [[name, value.slice(0, 4000)] as const];
  });
  return Object.fromEntries(kept);
}

async function stranded(
  request: CallbackRequest,
  deps: UpstreamDeps,
  configured: Configured,
  reason: string,
  bound?: Bound,
): Promise<StepAnswer> {
  // A `state` that nobody knows may be made up by anybody, as often as they like: only the others are written down.
  if (bound) await told(request.app, deps, { configured, clientId: bound.clientId, reason });
  const home = bound && request.clientFacts(bound.clientId).home;
  return { answer: 'page', page: strandedPage(home) };
}
