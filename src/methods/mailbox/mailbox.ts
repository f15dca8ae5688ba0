/**
 * Proof of a mailbox by emailed link, with an 8-digit code beside it (design §2), for signing in and for what else needs it.
 *
 * Steps inside the interaction: `resend`, `change`, `redeem`, `status`. Where the link is opened: `open`,
 * `continue`, `report`. What a challenge is and when it is spent belongs to `challenges`.
 */

import type { Claim, Proof } from '../../accounts/proof.ts';
import type { Challenge } from '../../challenges/challenge.ts';
import type { Check } from '../../challenges/challenges.ts';
import { type EmailAddress, parseEmailAddress } from '../../core/email-address.ts';
import { unreachable } from '../../core/errors.ts';
import { asChallengeId } from '../../core/ids.ts';
import { readCode } from '../../core/mail-code.ts';
import type { Page } from '../../core/page.ts';
import type {
  InteractionRequest,
  MailboxAsked,
  Method,
  MethodServices,
  Step,
  StepAnswer,
} from '../method.ts';
import { linkSteps } from './landing.ts';
import { statusOf, waitingPage } from './waiting.ts';

export const MAILBOX = 'mailbox';

/** Proves mailboxes for every method that asks for it (`prove_mailbox`); is no method itself and always there. */
export interface MailboxProof extends Method {
  begin(request: InteractionRequest, asked: MailboxAsked): Promise<StepAnswer>;
}

export function mailboxProof(services: MethodServices): MailboxProof {
  return {
    name: MAILBOX,
    begin: (request, asked) => begin(request, asked, services),
    standing: (request) => standing(request, services),
    steps: {
      resend: { verb: 'POST', asks: true, run: (request) => resend(request, services) },
      change: { verb: 'POST', run: async () => ({ answer: 'start' }) },
      redeem: { verb: 'POST', run: (request) => redeem(request, services) },
      status: { verb: 'GET', run: (request) => status(request, services) },
    } satisfies Record<string, Step<InteractionRequest>>,
    linkSteps: linkSteps(services),
  };
}

const page = (shown: Page): StepAnswer => ({ answer: 'page', page: shown });

/** Back on the page, by reload or history: where one stands, not where one began. */
async function standing(request: InteractionRequest, services: MethodServices): Promise<Page | undefined> {
  const newest = await ownNewest(request, services);
  const isDone = newest?.data.status === 'proved' && newest.data.purpose !== 'sign_in';
  const isOpen = newest && !isDone && services.challenges.standing(newest) === 'open';
  return isOpen ? waitingPage(request, newest, services) : undefined;
}

async function begin(
  request: InteractionRequest,
  { address, purpose, waiting }: MailboxAsked,
  services: MethodServices,
): Promise<StepAnswer> {
  const { app, interaction, browser } = request;
  const begun = await services.challenges.begin({
    app,
    uid: interaction.uid,
    clientId: interaction.clientId,
    address,
    browser: browser.asking ?? '',
    device: browser.device,
    locales: browser.locales,
    typist: browser,
    purpose,
    waiting,
  });
  switch (begun.outcome) {
    case 'sent':
      return page(await waitingPage(request, begun.challenge, services));
    case 'held':
      return page(
        await waitingPage(request, begun.challenge, services, {
          status: 429,
          error: 'resend_too_soon',
          isHeld: begun.by !== 'resend',
        }),
      );
    case 'too_many':
      return { answer: 'refused', error: 'too_many_requests' };
    default:
      return unreachable(begun);
  }
}

async function resend(request: InteractionRequest, services: MethodServices): Promise<StepAnswer> {
  const newest = await ownNewest(request, services);
  const address = parseEmailAddress(newest?.data.typed);
  if (!newest || !address) return { answer: 'start' };
  const { purpose } = newest.data;
  const waiting = services.challenges.waiting(request.app.id, newest);
  return begin(request, { address, purpose, waiting }, services);
}

/** `target` is the challenge when the link's own page sends the form, and missing when the waiting page does. */
async function redeem(request: InteractionRequest, services: MethodServices): Promise<StepAnswer> {
  const { app, interaction, browser, body, target } = request;
  const { secret } = body;
  const by = target !== undefined && secret !== undefined && secret !== '' ? 'link' : 'code';
  const check =
    by === 'link' && target !== undefined
      ? await services.challenges.checkLink(
          app,
          interaction.uid,
          asChallengeId(target),
          secret ?? '',
          browser.asking,
        )
      : await services.challenges.checkCode(
          app,
          interaction.uid,
          readCode(body.code),
          browser.asking,
          browser,
        );
  if (check.outcome !== 'right') return notRedeemed(request, check, services);
  const { challenge } = check;
  const address = parseEmailAddress(challenge.data.address);
  if (!address) throw new Error('a stored address does not parse');
  const { purpose } = challenge.data;
  if (purpose === 'reset_password') {
    const spent = await services.challenges.spend(app.id, challenge, by);
    if (spent.outcome === 'lost') return page(gonePage(request, 'used'));
    const { id: challengeId } = challenge;
    return {
      answer: 'mailbox_proved',
      proven: { purpose, challengeId, address: address.address, at: spent.at },
    };
  }
  return {
    answer: 'proved',
    proof: proofOf(address, services.challenges.waiting(app.id, challenge)?.claim, services),
    inTab: target === undefined ? 'waiting' : 'link',
    carried:
      by === 'link' ? [{ name: 'secret', value: secret ?? '' }] : [{ name: 'code', value: body.code ?? '' }],
    spend: () => services.challenges.spend(app.id, challenge, by),
  };
}

/** The mailbox, and what waited for it: both were proved in this browser and interaction (AC-07). */
function proofOf(address: EmailAddress, claim: object | undefined, { clock }: MethodServices): Proof {
  const mailbox = { kind: 'mailbox', at: clock.now() } as const;
  const who = { by: 'mailbox', address } as const;
  if (!claim) return { method: 'magic_link', factors: [mailbox], who };
  const before = claim as Claim; // sealed in this form by whoever asked for the mailbox
  const [first, ...more] = before.factors;
  return { ...before, factors: [first, ...more, mailbox], who, claimed: before.who };
}

async function notRedeemed(
  request: InteractionRequest,
  check: Exclude<Check, { outcome: 'right' }>,
  services: MethodServices,
): Promise<StepAnswer> {
  const newest = await ownNewest(request, services);
  if (!newest) return { answer: 'start' };
  switch (check.outcome) {
    case 'wrong': {
      const notice = { status: 400, error: 'wrong_code', triesLeft: check.left } as const;
      return page(await waitingPage(request, newest, services, notice));
    }
    case 'code_closed':
      return page(await waitingPage(request, newest, services, { status: 429, error: 'code_closed' }));
    case 'gone':
      return page(
        check.reason === 'expired'
          ? await waitingPage(request, newest, services, { status: 400, error: 'expired' })
          : gonePage(request, check.reason),
      );
    default:
      return unreachable(check);
  }
}

function gonePage(request: InteractionRequest, reason: 'used' | 'unknown'): Page {
  const wayOn = request.clientFacts(request.interaction.clientId).home;
  const status = reason === 'unknown' ? 404 : 410;
  const again = request.form('resend');
  return { view: 'link-gone', status, reason, again, ...(wayOn === undefined ? {} : { wayOn }) };
}

async function status(request: InteractionRequest, services: MethodServices): Promise<StepAnswer> {
  const newest = await ownNewest(request, services);
  return { answer: 'status', status: newest ? await statusOf(request, newest, services) : { state: 'gone' } };
}

/** The newest challenge of this interaction that this browser asked for. */
async function ownNewest(
  request: InteractionRequest,
  { challenges }: MethodServices,
): Promise<Challenge | undefined> {
  const { app, interaction, browser } = request;
  if (browser.asking === undefined) return undefined;
  return (await challenges.ofInteraction(app.id, interaction.uid, browser.asking)).at(-1);
}
