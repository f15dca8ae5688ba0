/**
 * From a proof to a signed-in browser: the one place where a user is made or found, the present session is compared and
 * the engine is told. Shared by every method, so that none can forget a step.
 */
import type Koa from 'koa';
import { type AccountChanges, userCreated } from '../../accounts/accounts.ts';
import type { Who } from '../../accounts/proof.ts';
import type { AuditEntry } from '../../audit/events.ts';
import type { Spent } from '../../challenges/challenges.ts';
import { assuranceOf } from '../../core/assurance.ts';
import { eventIdOf } from '../../core/event-id.ts';
import { asUserId, type UserId } from '../../core/ids.ts';
import type { Page } from '../../core/page.ts';
import { randomToken } from '../../core/random.ts';
import { channelOf } from '../../methods/mailbox/waiting.ts';
import type { ClientFacts, InteractionRequest, StepAnswer } from '../../methods/method.ts';
import type { Engine } from '../../oidc/engine.ts';
import { readCookie, rememberMethod, setCookie } from '../cookies.ts';
import { infoOf } from '../request-info.ts';
import { isOn, knownHash, type SignInServices } from './context.ts';
import { proveMailbox } from './prove-mailbox.ts';

type Proved = Extract<StepAnswer, { answer: 'proved' }>;

/** Where the form that led here was sent, so that it can be sent again after a question. */
export interface Origin {
  readonly step: string;
}

export async function complete(
  ctx: Koa.Context,
  request: InteractionRequest,
  proved: Proved,
  origin: Origin,
  services: SignInServices,
): Promise<Page> {
  const engine = await services.engines.get(request.app);
  const other = await otherPresentUser(ctx, engine, request, proved.proof.who, services);
  // Naming both, spending nothing (ML-44).
  if (other && request.body.switch !== 'yes')
    return switchPage(request, proved, other, origin, await newAddress(request, proved, services));
  const spent = await proved.spend();
  if (spent.outcome === 'lost') return gone(request);
  const known = readCookie(ctx, request.app, 'known') ?? randomToken(32);
  const signedIn = await services.accounts.signIn(request.app, proved.proof, knownHash(known));
  if (signedIn.outcome === 'gone') return gone(request);
  if (signedIn.outcome === 'prove_mailbox')
    return proveMailbox(request, proved.proof, signedIn.suggested, services);
  if (signedIn.outcome === 'refused') {
    await record(ctx, request, services, {
      at: spent.at,
      id: eventIdOf(spent.at, spent.act, 'refused'),
      type: 'sign_in.refused',
      method: proved.proof.method,
      reason: signedIn.reason,
    });
    return {
      view: 'refused',
      status: 403,
      reason: signedIn.reason,
      email: await newAddress(request, proved, services),
      cancel: request.form('cancel'),
    };
  }
  if (other) await engine.endSession(ctx.req, ctx.res);
  // Whoever had the old password may be signed in by it somewhere (AC-14).
  if (signedIn.changes?.password === 'replaced')
    await services.endAll(request.app, signedIn.userId, 'password_reset');
  const { amr, acr } = assuranceOf(proved.proof.factors);
  const events = eventsOf(ctx, request, { proved, spent, other, ...signedIn });
  const login = {
    accountId: signedIn.userId,
    amr: [...amr],
    acr,
    // Its own change of the password outdates all but this very sign-in.
    provedAt: Math.max(spent.at, (signedIn.changes?.outdatedAt ?? -1) + 1),
    remember: request.app.settings.lifetimes.session_cookie === 'persistent',
  };
  // Whoever proves a mailbox has chosen an account by it.
  const offeredBy = await offeredTo({ ...request, signedIn: asUserId(signedIn.userId) }, proved, services);
  const result = {
    login,
    browser: request.browser.asking ?? '',
    events,
    select_account: {},
    ...(offeredBy === undefined ? {} : { offeredBy }),
  };
  const finished = await engine.finish(ctx.req, ctx.res, request.interaction, result);
  if (finished === 'finished') return finishedPage(request.clientFacts(request.interaction.clientId));
  // A browser that has signed in is known to its mailbox: its wrong codes have a budget of their own (ML-25).
  setCookie(ctx, request.app, 'known', known);
  await Promise.all([
    services.accounts.rememberBrowser(request.app.id, signedIn.userId, knownHash(known)),
    ...events.map((event) => services.audit.record(request.app.id, event)),
  ]);
  rememberMethod(ctx, request.app, proved.proof);
  return proved.inTab === 'link'
    ? provedPage(request, finished.resumeUrl)
    : goOnPage(request, finished.resumeUrl);
}

/** The first method of this app that has something to offer now, such as a passkey. */
async function offeredTo(
  request: InteractionRequest & { readonly signedIn: UserId },
  { proof }: Proved,
  services: SignInServices,
): Promise<string | undefined> {
  for (const method of services.methods) {
    if (isOn(request.app, method) && (await method.offers?.(request, proof))) return method.name;
  }
  return undefined;
}

/** As a person should see it: the address of whoever is about to sign in. */
async function newAddress(
  request: InteractionRequest,
  { proof: { who } }: Proved,
  { accounts }: SignInServices,
): Promise<string> {
  if (who.by === 'mailbox') return who.address.address;
  const owner = await accounts.ownerOf(request.app.id, who);
  return owner?.address ?? (who.by === 'upstream' ? who.address?.address : undefined) ?? '';
}

/** The user this browser is signed in as, when it is somebody else than the owner of the mailbox. */
async function otherPresentUser(
  ctx: Koa.Context,
  engine: Engine,
  request: InteractionRequest,
  who: Who,
  services: SignInServices,
): Promise<{ id: string; address: string } | undefined> {
  const present = await engine.presentUser(ctx.req, ctx.res);
  if (present === undefined) return undefined;
  const [user, owner] = await Promise.all([
    services.accounts.findById(request.app.id, present),
    services.accounts.ownerOf(request.app.id, who),
  ]);
  return user && user.id !== owner?.id ? user : undefined;
}

function switchPage(
  request: InteractionRequest,
  proved: Proved,
  other: { address: string },
  origin: Origin,
  newEmail: string,
): Page {
  return {
    view: 'switch-user',
    status: 200,
    currentEmail: other.address,
    newEmail,
    accept: request.form(origin.step),
    carried: [...proved.carried, { name: 'switch', value: 'yes' }],
    decline: request.form('stay'),
  };
}

interface SignedIn {
  readonly proved: Proved;
  readonly spent: Exclude<Spent, { outcome: 'lost' }>;
  readonly other: { readonly id: string } | undefined;
  readonly userId: string;
  readonly createdAt: number;
  readonly changes?: AccountChanges;
}

/** They stand in the result of the interaction too. Repeated after a lost reply, they have the same ids and stand once. */
function eventsOf(
  ctx: Koa.Context,
  request: InteractionRequest,
  { proved, spent, other, userId: id, createdAt, changes }: SignedIn,
): readonly AuditEntry[] {
  const { method, via, factors } = proved.proof;
  const { amr } = assuranceOf(factors);
  const { act, at } = spent;
  const { reference, ip } = infoOf(ctx.req);
  const userId = asUserId(id);
  const subject = { userId, clientId: request.interaction.clientId, reference, ip };
  const once = (type: string) => ({ ...subject, at, id: eventIdOf(at, act, type) });
  const created = { ...subject, ...userCreated(userId, createdAt) };
  return [
    ...(createdAt >= at ? [{ ...created, type: 'user.created', method } as const] : []),
    ...changeEvents(changes).map((event) => ({ ...once(event.type), ...event })),
    ...(other ? [{ ...once('switched'), type: 'sign_in.switched', from: asUserId(other.id) } as const] : []),
    { ...once('succeeded'), type: 'sign_in.succeeded', method, ...(via === undefined ? {} : { via }), amr },
  ];
}

function changeEvents({ linked: provider, password, dropped: credentials }: AccountChanges = {}) {
  return [
    ...(provider === undefined ? [] : [{ type: 'account.linked', provider } as const]),
    ...(credentials === undefined ? [] : [{ type: 'account.cleared', credentials } as const]),
    ...(password === undefined ? [] : [{ type: 'password.set', isReset: password === 'replaced' } as const]),
  ];
}

type Entry = Parameters<SignInServices['audit']['record']>[1];

export async function record(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
  entry: Entry,
): Promise<void> {
  const { reference, ip } = infoOf(ctx.req);
  await services.audit.record(request.app.id, {
    ...entry,
    clientId: request.interaction.clientId,
    reference,
    ip,
  });
}

export function finishedPage({ name, home }: ClientFacts): Page {
  return { view: 'finished', status: 409, clientName: name, ...(home ? { wayOn: home } : {}) };
}

export function goOnPage(request: InteractionRequest, url: string): Page {
  return {
    view: 'go-on',
    status: 200,
    url,
    clientName: request.clientFacts(request.interaction.clientId).name,
  };
}

/** In the link's own tab: the tab that waits goes on, if it is alive and the client wants it so. */
function provedPage(request: InteractionRequest, resumeUrl: string): Page {
  const { name, finishIn } = request.clientFacts(request.interaction.clientId);
  return {
    view: 'proved',
    status: 200,
    resumeUrl,
    channel: channelOf(request.interaction.uid),
    finishIn,
    clientName: name,
  };
}

function gone(request: InteractionRequest): Page {
  const { home } = request.clientFacts(request.interaction.clientId);
  return { view: 'link-gone', status: 410, reason: 'used', ...(home ? { wayOn: home } : {}) };
}
