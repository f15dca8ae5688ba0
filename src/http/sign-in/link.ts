/**
 * Where a link from a mail is opened. Routes, below the app: GET /link/{id}, GET /link/{id}/{secret} (`link_secret: path`),
 * POST /link/{id}/{step}. No GET here changes anything in the store (ML-10).
 */
import type Koa from 'koa';
import { PosternError, unreachable } from '../../core/errors.ts';
import { isIdForm } from '../../core/ids.ts';
import type { LinkRequest, Step, StepAnswer } from '../../methods/method.ts';
import { readCookie, setCookie } from '../cookies.ts';
import { readForm } from '../form-body.ts';
import {
  appOf,
  browserFacts,
  clientFactsOf,
  formFor,
  interactionPath,
  isOn,
  keepForm,
  type SignInServices,
  show,
} from './context.ts';

const SECRET_FORM = /^[A-Za-z0-9_-]{43}/;

export async function linkGet(ctx: Koa.Context, linkId: string, services: SignInServices): Promise<void> {
  await answer(ctx, await linkRequest(ctx, linkId, {}, services), 'open', 'GET', services);
}

/** Moves the secret out of the address at once; whoever has not asked can do nothing with the cookie either. */
export function linkSecretGet(ctx: Koa.Context, linkId: string, secret: string): void {
  const app = appOf(ctx);
  // Gateways append punctuation (ML-13): what follows the 43 characters is not ours.
  const [value] = SECRET_FORM.exec(secret) ?? [];
  if (value !== undefined && isIdForm(linkId)) setCookie(ctx, app, 'link', `${linkId}.${value}`);
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Location', `${app.path}/link/${encodeURIComponent(linkId)}`);
  ctx.body = '';
}

export async function linkPost(
  ctx: Koa.Context,
  linkId: string,
  step: string,
  services: SignInServices,
): Promise<void> {
  const body = await readForm(ctx.req);
  if (!services.csrf.isGenuine(ctx, appOf(ctx), body.csrf)) throw new PosternError('csrf');
  keepForm(ctx, body);
  await answer(ctx, await linkRequest(ctx, linkId, body, services), step, 'POST', services);
}

async function linkRequest(
  ctx: Koa.Context,
  linkId: string,
  body: Readonly<Record<string, string>>,
  services: SignInServices,
): Promise<LinkRequest> {
  const app = appOf(ctx);
  return {
    app,
    linkId,
    body,
    target: undefined,
    browserSecret: readCookie(ctx, app, 'csrf'),
    hasSecret: readCookie(ctx, app, 'link')?.startsWith(`${linkId}.`) ?? false,
    browser: await browserFacts(ctx, services),
    clientFacts: (clientId) => clientFactsOf(app, clientId),
    form: (step) => formFor(ctx, services, `${app.path}/link/${encodeURIComponent(linkId)}/${step}`),
    interactionForm: (uid, step) => formFor(ctx, services, `${interactionPath(app, uid)}/${step}`),
  };
}

async function answer(
  ctx: Koa.Context,
  request: LinkRequest,
  name: string,
  verb: 'GET' | 'POST',
  services: SignInServices,
): Promise<void> {
  const found = await findStep(request, name, verb, services).run(request);
  switch (found.answer) {
    case 'page':
      return show(ctx, found.page, services, found.locales?.join(' '));
    case 'passed':
      return passOn(ctx, request, found, services);
    case 'refused':
      throw new PosternError(found.error);
    case 'proved':
    case 'status':
    case 'start':
    case 'prove_mailbox':
    case 'mailbox_proved':
    case 'redirect':
    case 'enrolled':
      throw new Error('a link signs nobody in where it is opened');
    default:
      return unreachable(found);
  }
}

function findStep(
  { app }: LinkRequest,
  name: string,
  verb: 'GET' | 'POST',
  services: SignInServices,
): Step<LinkRequest> {
  for (const { linkSteps = {} } of services.methods.filter((method) => isOn(app, method))) {
    const step = Object.hasOwn(linkSteps, name) ? linkSteps[name] : undefined;
    if (step?.verb === verb) return step;
  }
  throw new PosternError('not_found');
}

/** Hands the browser its pass and sends it to the client, which starts an authorization of its own here. */
function passOn(
  ctx: Koa.Context,
  request: LinkRequest,
  { pass, clientId }: Extract<StepAnswer, { answer: 'passed' }>,
  services: SignInServices,
): void {
  const { name, start } = request.clientFacts(clientId);
  if (!start) throw new PosternError('not_found');
  setCookie(ctx, request.app, 'pass', pass);
  show(ctx, { view: 'go-on', status: 200, url: start.url, clientName: name }, services);
}
