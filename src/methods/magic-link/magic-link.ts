/**
 * Sign-in by emailed link, with an 8-digit code beside it (design §2).
 *
 * Steps inside the interaction: `resend`, `change`, `redeem`, `status`. Where the link is opened: `open`,
 * `continue`, `report`. What a challenge is and when it is spent belongs to `challenges`.
 */

import type { Challenge } from '../../challenges/challenge.ts';
import type { Check } from '../../challenges/challenges.ts';
import { type EmailAddress, parseEmailAddress } from '../../core/email-address.ts';
import { unreachable } from '../../core/errors.ts';
import { asChallengeId } from '../../core/ids.ts';
import { readCode } from '../../core/mail-code.ts';
import type { Page } from '../../core/page.ts';
import type {
  InteractionRequest,
  Method,
  MethodDefinition,
  MethodServices,
  Step,
  StepAnswer,
} from '../method.ts';
import { linkSteps } from './landing.ts';
import { magicLinkSettings } from './settings.ts';
import { statusOf, waitingPage } from './waiting.ts';

export const magicLink = {
  name: 'magic_link',
  settings: magicLinkSettings,
  create,
} as const satisfies MethodDefinition;

function create(services: MethodServices): Method {
  return {
    name: 'magic_link',
    wayText: 'way.magic_link',
    standing: (request) => standing(request, services),
    identified: (request, address) => begin(request, address, services),
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
  const isOpen = newest && services.challenges.standing(newest) === 'open';
  return isOpen ? waitingPage(request, newest, services) : undefined;
}

async function begin(
  request: InteractionRequest,
  address: EmailAddress,
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
  return address ? begin(request, address, services) : { answer: 'start' };
}

/** `target` is the challenge when the link's own page sends the form, and missing when the waiting page does. */
async function redeem(request: InteractionRequest, services: MethodServices): Promise<StepAnswer> {
  const { app, interaction, browser, body, target } = request;
  const { secret } = body;
  const by = target !== undefined && secret !== undefined && secret !== '' ? 'link' : 'code';
  const check =
    by === 'link' && target !== undefined
      ? await services.challenges.checkLink(
          app.id,
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
  return {
    answer: 'proved',
    proof: {
      method: 'magic_link',
      factors: [{ kind: 'mailbox', at: services.clock.now() }],
      who: { by: 'mailbox', address },
    },
    inTab: target === undefined ? 'waiting' : 'link',
    carried:
      by === 'link' ? [{ name: 'secret', value: secret ?? '' }] : [{ name: 'code', value: body.code ?? '' }],
    spend: () => services.challenges.spend(app.id, challenge, by),
  };
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
