/** The "check your mail" page, as data. */
import type { Challenge } from '../../challenges/challenge.ts';
import { SECOND } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import type { Page } from '../../core/page.ts';
import type { InteractionRequest, MethodServices } from '../method.ts';

type CheckMailPage = Extract<Page, { view: 'check-mail' }>;

interface Notice {
  readonly status?: 400 | 429;
  readonly error?: NonNullable<CheckMailPage['error']>;
  readonly triesLeft?: number;
  /** A budget is used up: nothing was sent now. */
  readonly isHeld?: boolean;
}

export async function waitingPage(
  request: InteractionRequest,
  challenge: Challenge,
  services: MethodServices,
  notice: Notice = {},
): Promise<CheckMailPage> {
  const { interaction } = request;
  const client = request.clientFacts(interaction.clientId);
  const [codeEntry, resendIn] = await Promise.all([
    services.challenges.codeEntry(request.app, challenge, request.browser, 'here'),
    secondsUntilResend(request, challenge, services),
  ]);
  return {
    view: 'check-mail',
    status: notice.status ?? 200,
    // As typed here, never as stored: the spelling of a known user would tell that there is one (ML-53).
    email: challenge.data.typed,
    redeem: request.form('redeem'),
    resend: request.form('resend'),
    change: request.form('change'),
    statusUrl: request.form('status').action,
    resumeUrl: resumeUrlOf(request, challenge),
    channel: channelOf(interaction.uid),
    finishIn: client.finishIn,
    mail: notice.isHeld ? 'held' : challenge.data.mail,
    mailRetryIn: mailRetryIn(challenge, services),
    resendIn,
    expiresIn: secondsUntil(challenge.data.endsAt, services),
    codeEntry,
    isSignIn: challenge.data.purpose === 'sign_in',
    otherWays: challenge.data.purpose === 'sign_in' ? request.otherWays('magic_link') : [],
    ...(notice.error === undefined ? {} : { error: notice.error }),
    ...(notice.triesLeft === undefined ? {} : { triesLeft: notice.triesLeft }),
    ...(codeEntry === 'closed' && client.home ? { restart: client.home } : {}),
  };
}

/** What the waiting page's script polls for: the challenge, never the interaction (design §2). */
export async function statusOf(
  request: InteractionRequest,
  challenge: Challenge,
  services: MethodServices,
): Promise<object> {
  const { status } = challenge.data;
  const [codeEntry, resendIn] = await Promise.all([
    services.challenges.codeEntry(request.app, challenge, request.browser, 'here'),
    secondsUntilResend(request, challenge, services),
  ]);
  const isExpired = services.challenges.standing(challenge) === 'expired';
  // Used while the request still waits: somebody went on elsewhere with it, and this browser is not signed in.
  const state = isExpired ? 'expired' : status === 'used' ? 'gone' : status;
  const { mail } = challenge.data;
  return { state, mail, mailRetryIn: mailRetryIn(challenge, services), resendIn, codeEntry };
}

/** What goes on behind the proof goes on in the interaction; a sign-in is over with it. */
const resumeUrlOf = (request: InteractionRequest, { data }: Challenge): string =>
  data.purpose === 'reset_password'
    ? request.form('status').action.replace(/\/status$/, '')
    : request.interaction.resumeUrl;

/** Name of the BroadcastChannel that the tabs of one interaction share; tells nothing of its id. */
export const channelOf = (uid: string): string => hashOf('channel', uid);

async function secondsUntilResend(
  request: InteractionRequest,
  challenge: Challenge,
  services: MethodServices,
): Promise<number> {
  const { app, interaction, browser } = request;
  const at = await services.challenges.resendAt(app, interaction.uid, challenge, browser);
  return secondsUntil(at, services);
}

const mailRetryIn = ({ data: { mailRetryAt = 0 } }: Challenge, services: MethodServices): number =>
  secondsUntil(mailRetryAt, services);

const secondsUntil = (at: number, { clock }: MethodServices): number =>
  Math.max(0, Math.ceil((at - clock.now()) / SECOND));
