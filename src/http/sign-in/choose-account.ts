/** `prompt=select_account`: go on as the person who is signed in here, or sign in as somebody else (OIDC Core §3.1.2.1). */
import type Koa from 'koa';
import { PosternError } from '../../core/errors.ts';
import type { Page } from '../../core/page.ts';
import type { InteractionRequest } from '../../methods/method.ts';
import { finishedPage, goOnPage } from './complete.ts';
import { beginAnew } from './consent.ts';
import type { SignInServices } from './context.ts';

/** Undefined when there is nothing to choose from: nobody is signed in here, or the request asks for no choice. */
export async function chooserPage(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page | undefined> {
  if (request.interaction.prompt !== 'select_account') return undefined;
  const user = await presentUser(ctx, request, services);
  return (
    user && {
      view: 'choose-account',
      status: 200,
      keep: request.form('keep'),
      another: request.form('another'),
      cancel: request.form('cancel'),
      email: user.address,
      clientName: request.clientFacts(request.interaction.clientId).name,
    }
  );
}

/** The choice counts for the account that was shown: whoever signed in since in another tab is asked anew. */
export async function keepAccount(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const { app, interaction } = request;
  if (interaction.prompt !== 'select_account')
    throw new PosternError('bad_request', { detail: 'no choice is asked' });
  if (!(await presentUser(ctx, request, services))) return beginAnew(request);
  const engine = await services.engines.get(app);
  const finished = await engine.finish(ctx.req, ctx.res, interaction, { select_account: {} });
  return finished === 'finished'
    ? finishedPage(request.clientFacts(interaction.clientId))
    : goOnPage(request, finished.resumeUrl);
}

/** The user who was signed in when the request came, if this browser still is. */
async function presentUser(ctx: Koa.Context, request: InteractionRequest, services: SignInServices) {
  const { app, interaction } = request;
  const engine = await services.engines.get(app);
  const present = await engine.presentUser(ctx.req, ctx.res);
  return present !== undefined && present === interaction.accountId
    ? services.accounts.findById(app.id, present)
    : undefined;
}
