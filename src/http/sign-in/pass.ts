/** "Continue as a…@x.org": a browser that proved a mailbox by typing the code of another browser's mail (design §2). */
import type Koa from 'koa';
import type { Spent } from '../../challenges/challenges.ts';
import type { Pass } from '../../challenges/passes.ts';
import { type EmailAddress, parseEmailAddress } from '../../core/email-address.ts';
import { hashOf } from '../../core/hash.ts';
import { maskedAddress } from '../../core/masked-address.ts';
import type { Page } from '../../core/page.ts';
import type { InteractionRequest, OpenInteraction } from '../../methods/method.ts';
import { clearCookie, readCookie } from '../cookies.ts';
import { infoOf } from '../request-info.ts';
import { complete } from './complete.ts';
import type { SignInServices } from './context.ts';

interface HeldPass {
  readonly token: string;
  readonly address: EmailAddress;
}

/** When this browser holds a pass for this client and no hint names somebody else. */
export async function passPage(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page | undefined> {
  const held = await heldPass(ctx, request, services);
  if (!held) return undefined;
  return {
    view: 'continue-as',
    status: 200,
    form: request.form('continue'),
    other: request.form('other'),
    maskedEmail: maskedAddress(held.address.address),
    clientName: request.clientFacts(request.interaction.clientId).name,
  };
}

/** Undefined when there is no pass any more. */
export async function continueAs(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<Page | undefined> {
  const { app, interaction } = request;
  const held = await heldPass(ctx, request, services);
  if (!held) {
    dropPass(ctx, request);
    return undefined;
  }
  const { token, address } = held;
  const spend = async (): Promise<Spent> =>
    (await services.passes.consume(app.id, token, interaction.clientId))
      ? { outcome: 'won', act: hashOf('pass', token), at: infoOf(ctx.req).startedAt }
      : { outcome: 'lost' };
  const factors = [{ kind: 'mailbox', at: infoOf(ctx.req).startedAt }] as const;
  const proof = { method: 'magic_link', factors, who: { by: 'mailbox', address } } as const;
  const proved = { answer: 'proved', proof, inTab: 'waiting', carried: [], spend } as const;
  const page = await complete(ctx, request, proved, { step: 'continue' }, services);
  if (page.view !== 'switch-user') dropPass(ctx, request);
  return page;
}

export const dropPass = (ctx: Koa.Context, request: InteractionRequest): void =>
  clearCookie(ctx, request.app, 'pass');

async function heldPass(
  ctx: Koa.Context,
  request: InteractionRequest,
  services: SignInServices,
): Promise<HeldPass | undefined> {
  const { app, interaction } = request;
  const token = readCookie(ctx, app, 'pass');
  const pass: Pass | undefined = token
    ? await services.passes.peek(app.id, token, interaction.clientId)
    : undefined;
  const address = parseEmailAddress(pass?.address);
  if (!token || !address || !isMeant(interaction, address)) return undefined;
  // Proved before its user was disabled or removed, as a link of that time (AC-21).
  const isCutOff = (pass?.issuedAt ?? 0) <= (await services.accounts.mailCutOff(app.id, address.key));
  return isCutOff ? undefined : { token, address };
}

function isMeant({ loginHint }: OpenInteraction, address: EmailAddress): boolean {
  return loginHint === undefined || loginHint === '' || parseEmailAddress(loginHint)?.key === address.key;
}
