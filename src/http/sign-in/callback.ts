/**
 * Where another provider sends the browser back: GET and POST {issuer}/callback/{target}. A POST comes from the other
 * provider's site (form_post), hence without our cookies and without a token of ours; it does no more than its GET would.
 */
import type Koa from 'koa';
import { PosternError } from '../../core/errors.ts';
import type { CallbackRequest, StepAnswer } from '../../methods/method.ts';
import { readForm } from '../form-body.ts';
import {
  appOf,
  browserFacts,
  clientFactsOf,
  formFor,
  interactionPath,
  isOn,
  type SignInServices,
  show,
} from './context.ts';

export async function callback(ctx: Koa.Context, target: string, services: SignInServices): Promise<void> {
  const app = appOf(ctx);
  // It would spend the answer unseen (ML-10).
  if (ctx.method === 'HEAD') throw new PosternError('method_not_allowed');
  const request: CallbackRequest = {
    app,
    target,
    verb: ctx.method === 'POST' ? 'POST' : 'GET',
    query: singleValues(ctx.URL.searchParams),
    body: ctx.method === 'POST' ? await readForm(ctx.req) : {},
    browser: await browserFacts(ctx, services),
    clientFacts: (clientId) => clientFactsOf(app, clientId),
    interactionForm: (uid, step) => formFor(ctx, services, `${interactionPath(app, uid)}/${step}`),
  };
  for (const method of services.methods) {
    const answer = isOn(app, method) ? await method.callback?.(request) : undefined;
    if (answer) return send(ctx, answer, services);
  }
  throw new PosternError('not_found');
}

function send(ctx: Koa.Context, answer: StepAnswer, services: SignInServices): void {
  switch (answer.answer) {
    case 'page':
      show(ctx, answer.page, services);
      return;
    case 'redirect':
      ctx.status = 303;
      ctx.set('Cache-Control', 'no-store');
      ctx.set('Location', answer.url);
      ctx.body = '';
      return;
    case 'refused':
      throw new PosternError(answer.error);
    default:
      throw new Error(`a callback finishes nothing itself: ${answer.answer}`);
  }
}

/** A parameter given twice is refused (RFC 6749 §3.1). */
function singleValues(parameters: URLSearchParams): Readonly<Record<string, string>> {
  const names = [...parameters.keys()];
  if (new Set(names).size !== names.length)
    throw new PosternError('bad_request', { detail: 'doubled parameter' });
  return Object.fromEntries(parameters);
}
