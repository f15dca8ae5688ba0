/**
 * The one dispatcher of an authorization request that waits for a person: reads where it stands and decides what comes
 * next. Steps return to it and never route to each other.
 *
 * Routes, below the app: GET /interaction/{uid}, GET and POST /interaction/{uid}/{step}[/{target}].
 */
import type Koa from 'koa';
import type { App } from '../../apps/apps.ts';
import type { Proven } from '../../challenges/challenges.ts';
import { PosternError, unreachable } from '../../core/errors.ts';
import { asUserId, type UserId } from '../../core/ids.ts';
import type { Page } from '../../core/page.ts';
import { randomToken } from '../../core/random.ts';
import type { InteractionRequest, Step, StepAnswer } from '../../methods/method.ts';
import { readCookie, setCookie } from '../cookies.ts';
import { isOwnOrigin } from '../csrf.ts';
import { readForm } from '../form-body.ts';
import { infoOf } from '../request-info.ts';
import { chooserPage, keepAccount } from './choose-account.ts';
import { complete, finishedPage, goOnPage, record } from './complete.ts';
import { consentPage, grantConsent } from './consent.ts';
import {
  appOf,
  browserFacts,
  clientFactsOf,
  engineOf,
  formFor,
  interactionPath,
  isOn,
  keepForm,
  type SignInServices,
  show,
} from './context.ts';

import { continueAs, dropPass, passPage } from './pass.ts';
import { prove } from './prove-mailbox.ts';
import { begin, otherWays, standingPage, startPage } from './start.ts';

export interface InteractionPath {
  readonly uid: string;
  readonly step: string | undefined;
  readonly target: string | undefined;
}

export async function interactionGet(
  ctx: Koa.Context,
  path: InteractionPath,
  services: SignInServices,
): Promise<void> {
  const request = await openRequest(ctx, path, {}, services);
  if (!request) return;
  const step = path.step === undefined ? undefined : findStep(request, path.step, 'GET', services);
  const answer: StepAnswer = step
    ? await step.run(await reaching(ctx, step, request, services))
    : { answer: 'page', page: await standing(ctx, request, services) };
  await send(ctx, request, answer, path, services);
}

export async function interactionPost(
  ctx: Koa.Context,
  path: InteractionPath,
  services: SignInServices,
): Promise<void> {
  const body = await readForm(ctx.req);
  if (!services.csrf.isGenuine(ctx, appOf(ctx), body.csrf)) return stale(ctx, path, services);
  keepForm(ctx, body);
  const request = await openRequest(ctx, path, body, services);
  if (!request) return;
  const step = path.step ?? '';
  const own = Object.hasOwn(OWN_STEPS, step) ? OWN_STEPS[step] : undefined;
  const isOwnConsent = step === 'consent' || step === 'cancel';
  // After the login only consent is left to give: nobody proves another mailbox into it.
  if (request.interaction.prompt === 'consent' && !isOwnConsent)
    throw new PosternError('bad_request', { detail: 'no login is asked' });
  if (request.interaction.prompt === 'offer' && own && step !== 'skip')
    throw new PosternError('bad_request', { detail: 'no login is asked' });
  if (own) return show(ctx, await own(ctx, request, services), services, request.interaction.uiLocales);
  // The email field belongs to no method: whichever comes first goes on from it.
  const found: Step<InteractionRequest> =
    step === 'begin'
      ? { verb: 'POST', asks: true, run: (asking: InteractionRequest) => begin(asking, services) }
      : findStep(request, step, 'POST', services);
  const isOffer = request.interaction.prompt === 'offer';
  if (isOffer !== (found.isAfterSignIn === true))
    throw new PosternError('bad_request', { detail: 'not the time for this step' });
  if (body.able === 'yes') setCookie(ctx, request.app, 'able', ABLE);
  const asking = found.asks ? await makeAsking(ctx, request, services) : request;
  await send(ctx, asking, await found.run(await reaching(ctx, found, asking, services)), path, services);
}

/** In the form of all our cookie values; that it is there says all. */
const ABLE = 'this-device-makes-passkeys';

/** Steps of the house itself; those of methods stand in their own lists. */
const OWN_STEPS: Readonly<
  Record<string, (ctx: Koa.Context, request: InteractionRequest, services: SignInServices) => Promise<Page>>
> = {
  cancel,
  consent: grantConsent,
  continue: async (ctx, request, services) => {
    const asking = await makeAsking(ctx, request, services);
    return (await continueAs(ctx, asking, services)) ?? standingPage(asking, services);
  },
  other: async (ctx, request, services) => {
    dropPass(ctx, request);
    return standingPage(request, services);
  },
  keep: keepAccount,
  another: async (_ctx, request, services) => standingPage(request, services),
  prove: async (ctx, request, services) => prove(await makeAsking(ctx, request, services), services),
  // What was offered behind the sign-in is not wanted.
  skip: async (ctx, request, services) => {
    if (request.interaction.prompt !== 'offer' || signedInHere(request) === undefined)
      throw new PosternError('bad_request', { detail: 'nothing was offered' });
    return afterOffer(ctx, request, services);
  },
  // "Stay signed in as …": nothing was spent, the request still waits (ML-44).
  stay: async (_ctx, request, services) => standingPage(request, services),
};

/** The page where this request stands: after a reload, a click on "back", or at first. */
async function standing(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const { interaction } = request;
  if (interaction.prompt === 'consent') return consentPage(ctx, request, services);
  if (interaction.offeredBy !== undefined) return offerPage(request, services);
  if (interaction.provedBy !== undefined) {
    // Whoever planted his own request here sees nothing of what was proved for it (ML-43).
    if (interaction.provedBy !== request.browser.asking) throw new PosternError('interaction_missing');
    return goOnPage(request, interaction.resumeUrl);
  }
  return (
    (await passPage(ctx, request, services)) ??
    (await chooserPage(ctx, request, services)) ??
    standingPage(request, services)
  );
}

/** Undefined after the answer was given: no such request in this browser, or it is over. */
async function openRequest(
  ctx: Koa.Context,
  path: InteractionPath,
  body: Readonly<Record<string, string>>,
  services: SignInServices,
): Promise<InteractionRequest | undefined> {
  const app = appOf(ctx);
  const engine = await engineOf(ctx, services);
  const interaction = await engine.interaction(ctx.req, ctx.res, path.uid);
  switch (interaction.state) {
    case 'missing':
      if (path.step !== 'status') throw new PosternError('interaction_missing');
      ctx.body = { state: 'gone' };
      return undefined;
    case 'finished': {
      if (path.step === 'status') ctx.body = { state: 'used' };
      else show(ctx, finishedPage(clientFactsOf(app, interaction.clientId)), services);
      return undefined;
    }
    case 'open': {
      const browser = await browserFacts(ctx, services, interaction.uiLocales);
      const form = (step: string) => formFor(ctx, services, `${interactionPath(app, path.uid)}/${step}`);
      return {
        app,
        interaction,
        body: withPathSecret(ctx, app, path, body),
        target: path.target,
        browser,
        signedIn: undefined,
        person: undefined,
        trace: { reference: infoOf(ctx.req).reference, ip: infoOf(ctx.req).ip },
        clientFacts: (clientId) => clientFactsOf(app, clientId),
        form,
        otherWays: (method) => otherWays(app, browser, method, form, services),
      };
    }
    default:
      return unreachable(interaction);
  }
}

/** `link_secret: path`: the secret waits in a cookie that the link's own page made. */
function withPathSecret(
  ctx: Koa.Context,
  app: App,
  path: InteractionPath,
  body: Readonly<Record<string, string>>,
) {
  const [id, secret] = readCookie(ctx, app, 'link')?.split('.') ?? [];
  const isMeant = path.target !== undefined && id === path.target && !body.secret && !body.code;
  return isMeant && secret !== undefined ? { ...body, secret } : body;
}

/** Steps of methods that the app has switched on; those of all others are as unknown as if they did not exist. */
function findStep(
  { app }: InteractionRequest,
  name: string,
  verb: 'GET' | 'POST',
  services: SignInServices,
): Step<InteractionRequest> {
  for (const method of services.methods.filter((one) => isOn(app, one))) {
    const step = Object.hasOwn(method.steps, name) ? method.steps[name] : undefined;
    if (step?.verb === verb) return step;
    if (step) throw new PosternError('method_not_allowed');
  }
  if (name === 'begin') throw new PosternError('method_not_allowed');
  throw new PosternError('not_found');
}

async function mailboxProved(
  request: InteractionRequest,
  proven: Proven,
  services: SignInServices,
): Promise<StepAnswer> {
  for (const method of services.methods.filter((one) => isOn(request.app, one))) {
    const follow = method.mailboxProved?.[proven.purpose];
    if (follow) return follow(request, proven);
  }
  throw new PosternError('not_found');
}

/** Who was proved for this interaction by this very browser (ML-43). */
const signedInHere = ({ interaction, browser }: InteractionRequest): UserId | undefined =>
  interaction.provedUser !== undefined && interaction.provedBy === browser.asking
    ? asUserId(interaction.provedUser)
    : undefined;

async function reaching(
  ctx: Koa.Context,
  step: Pick<Step<InteractionRequest>, 'isAfterSignIn'>,
  request: InteractionRequest,
  services: SignInServices,
): Promise<InteractionRequest> {
  if (!step.isAfterSignIn) return request;
  const { app, interaction } = request;
  const signedIn = signedInHere(request);
  const engine = await services.engines.get(app);
  // Signed out, or in as somebody else, in another tab since.
  const isPresent = signedIn !== undefined && (await engine.presentUser(ctx.req, ctx.res)) === signedIn;
  const user = isPresent ? await services.accounts.findById(app.id, signedIn) : undefined;
  if (signedIn === undefined || !user)
    throw new PosternError('bad_request', { detail: 'nobody signed in here' });
  const person = { userId: signedIn, address: user.address, provedAt: interaction.provedAt ?? 0 };
  return { ...request, signedIn, person };
}

/** Something stands between the sign-in and the client. */
async function offerPage(request: InteractionRequest, services: SignInServices): Promise<Page> {
  const signedIn = signedInHere(request);
  if (signedIn === undefined) throw new PosternError('interaction_missing');
  const { app, interaction } = request;
  const by = services.methods.find(({ name }) => name === interaction.offeredBy);
  const page = by && isOn(app, by) ? await by.offer?.({ ...request, signedIn }) : undefined;
  if (!page) throw new PosternError('interaction_missing');
  return page;
}

/** Taken or declined: the sign-in goes on to the client. */
async function afterOffer(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const { app, interaction } = request;
  const engine = await services.engines.get(app);
  const finished = await engine.finish(ctx.req, ctx.res, interaction, { offer: {} });
  return finished === 'finished'
    ? finishedPage(request.clientFacts(interaction.clientId))
    : goOnPage(request, finished.resumeUrl);
}

/** Makes the browser known, so that what it proves serves nobody else (ML-42, ML-43). */
async function makeAsking(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<InteractionRequest> {
  const { app, browser } = request;
  const cookie = readCookie(ctx, app, 'ask');
  if (browser.asking !== undefined && cookie !== undefined) {
    if (await services.browsers.extend(app.id, browser.asking)) setCookie(ctx, app, 'ask', cookie);
    return request;
  }
  const made = await services.browsers.create(app.id, readCookie(ctx, app, 'csrf') ?? randomToken());
  setCookie(ctx, app, 'ask', made.cookie);
  return { ...request, browser: { ...browser, asking: made.id } };
}

async function send(
  ctx: Koa.Context,
  request: InteractionRequest,
  answer: StepAnswer,
  path: InteractionPath,
  services: SignInServices,
): Promise<void> {
  const { uiLocales } = request.interaction;
  switch (answer.answer) {
    case 'page':
      return show(ctx, answer.page, services, uiLocales);
    case 'prove_mailbox':
      return send(ctx, request, await services.mailbox.begin(request, answer), path, services);
    case 'mailbox_proved':
      return send(ctx, request, await mailboxProved(request, answer.proven, services), path, services);
    case 'start':
      return show(ctx, await startPage(request, services, answer), services, uiLocales);
    case 'redirect': {
      const { url, name } = answer;
      return show(ctx, { view: 'go-on', status: 200, url, clientName: name }, services, uiLocales);
    }
    case 'enrolled':
      return show(ctx, await afterOffer(ctx, request, services), services, uiLocales);
    case 'status':
      ctx.set('Cache-Control', 'no-store');
      ctx.body = answer.status;
      return;
    case 'proved': {
      const step = [path.step, path.target].filter((part) => part !== undefined).join('/');
      return show(ctx, await complete(ctx, request, answer, { step }, services), services, uiLocales);
    }
    case 'passed':
      throw new Error('a pass is given where a link is opened, not inside an interaction');
    case 'refused':
      throw new PosternError(answer.error);
    default:
      return unreachable(answer);
  }
}

/**
 * A form whose token does not fit: usually a page older than its cookie. Nothing is done; the person gets the page anew with
 * a note. For anything that did not come from our own origin there is only the refusal (WB-02).
 */
async function stale(ctx: Koa.Context, path: InteractionPath, services: SignInServices): Promise<void> {
  if (!isOwnOrigin(ctx.req, appOf(ctx))) throw new PosternError('csrf');
  const request = await openRequest(ctx, path, {}, services);
  if (!request) return;
  const page = await standing(ctx, request, services);
  const { uiLocales } = request.interaction;
  if (page.view === 'method')
    return show(ctx, { ...page, status: 400, notice: 'state.expired_form' }, services, uiLocales);
  const isForm = page.view === 'sign-in' || page.view === 'check-mail';
  if (!isForm) throw new PosternError('csrf');
  show(ctx, { ...page, status: 400, error: 'expired_form' }, services, uiLocales);
}

async function cancel(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const engine = await services.engines.get(request.app);
  const denied = { error: 'access_denied', error_description: 'End-User aborted interaction' } as const;
  // The act is the person's press: whatever becomes of the answer, a crash behind it loses nothing (AD-10).
  if (request.interaction.prompt === 'consent') {
    const { accountId } = request.interaction;
    const asked = accountId === undefined ? {} : { userId: asUserId(accountId) };
    await record(ctx, request, services, { type: 'consent.declined', ...asked });
  }
  const finished = await engine.finish(ctx.req, ctx.res, request.interaction, denied);
  return finished === 'finished'
    ? finishedPage(request.clientFacts(request.interaction.clientId))
    : goOnPage(request, finished.resumeUrl);
}
