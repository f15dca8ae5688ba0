/** Consent of a person for a third-party client: shown, given, and kept apart from any one login (design §4). */
import type Koa from 'koa';
import { PosternError } from '../../core/errors.ts';
import type { Page } from '../../core/page.ts';
import type { InteractionRequest } from '../../methods/method.ts';
import { scopeText } from '../../oidc/resources.ts';
import { infoOf } from '../request-info.ts';
import { finishedPage, goOnPage } from './complete.ts';
import type { SignInServices } from './context.ts';

export async function consentPage(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const { interaction } = request;
  const userId = await askedUser(ctx, request, services);
  const user = userId === undefined ? undefined : await services.accounts.findById(request.app.id, userId);
  if (!user) return beginAnew(request);
  const engine = await services.engines.get(request.app);
  const { clientId, redirectHost } = interaction;
  const before = await engine.consents.granted(request.app.id, user.id, clientId, redirectHost);
  return {
    view: 'consent',
    status: 200,
    isMore: before.scopes.length > 0,
    accept: request.form('consent'),
    decline: request.form('cancel'),
    clientName: request.clientFacts(interaction.clientId).name,
    clientHost: interaction.redirectHost,
    email: user.address,
    scopes: interaction.scopes.map((name) => ({
      name,
      text: scopeText(request.app, name),
      isNew: !before.scopes.includes(name),
    })),
  };
}

export async function grantConsent(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page> {
  const { app, interaction } = request;
  if (interaction.prompt !== 'consent')
    throw new PosternError('bad_request', { detail: 'no consent is asked' });
  const userId = await askedUser(ctx, request, services);
  if (userId === undefined) return beginAnew(request);
  const engine = await services.engines.get(app);
  const { clientId, scopes, redirectHost: host } = interaction;
  const { reference, ip } = infoOf(ctx.req);
  await engine.consents.grant(app.id, { userId, clientId, scopes, host }, services.audit, { reference, ip });
  const finished = await engine.finish(ctx.req, ctx.res, interaction, { consent: {} });
  return finished === 'finished'
    ? finishedPage(request.clientFacts(clientId))
    : goOnPage(request, finished.resumeUrl);
}

/** The same request from its beginning, for whoever is signed in now. */
export async function beginAnew(request: InteractionRequest): Promise<Page> {
  const url = await request.interaction.restart();
  return url === undefined
    ? finishedPage(request.clientFacts(request.interaction.clientId))
    : goOnPage(request, url);
}

/**
 * The user who was asked, if this browser is still signed in as that user. Whoever signed in since, in another tab, was
 * never asked: the request begins anew for that one.
 */
async function askedUser(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<string | undefined> {
  const engine = await services.engines.get(request.app);
  const present = await engine.presentUser(ctx.req, ctx.res);
  return present !== undefined && present === request.interaction.accountId ? present : undefined;
}
