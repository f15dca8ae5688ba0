/**
 * Where a link from a mail is opened. The landing page finishes nothing: in the asking browser it renders a form to
 * `/interaction/{uid}/redeem/{id}`; anywhere else nothing but the typed code has an effect (ML-10 to ML-12, ML-40).
 */
import type { Challenge } from '../../challenges/challenge.ts';
import { unreachable } from '../../core/errors.ts';
import { readCode } from '../../core/mail-code.ts';
import type { Page } from '../../core/page.ts';
import type { LinkRequest, MethodServices, Step, StepAnswer } from '../method.ts';

export function linkSteps(services: MethodServices): Readonly<Record<string, Step<LinkRequest>>> {
  return {
    open: { verb: 'GET', run: (request) => open(request, services) },
    continue: { verb: 'POST', run: (request) => continueHere(request, services) },
    report: { verb: 'POST', run: (request) => report(request, services) },
  };
}

async function open(request: LinkRequest, services: MethodServices): Promise<StepAnswer> {
  const challenge = await services.challenges.find(request.app.id, request.linkId);
  if (!challenge || !services.challenges.isOn(request.app, challenge))
    return page({ view: 'link-gone', status: 404, reason: 'unknown' });
  const isHere = challenge.data.browser === request.browser.asking;
  const standing = services.challenges.standing(challenge);
  if (standing !== 'open') return page(gone(request, challenge, standing, services));
  // The mail and the page that waits speak the language of the request: this one, in between, too.
  return isHere
    ? { ...page(await here(request, challenge, services)), locales: challenge.data.locales }
    : page(await elsewhere(request, challenge, services));
}

async function here(request: LinkRequest, challenge: Challenge, services: MethodServices): Promise<Page> {
  const uid = services.challenges.uidOf(request.app.id, challenge);
  return {
    view: 'link-here',
    status: 200,
    redeem: request.interactionForm(uid, `redeem/${challenge.id}`),
    email: challenge.data.typed,
    isSignIn: challenge.data.purpose === 'sign_in',
    codeEntry: await services.challenges.codeEntry(request.app, challenge, request.browser, 'here'),
    hasSecret: request.hasSecret,
  };
}

type Elsewhere = Extract<Page, { view: 'link-elsewhere' }>;

async function elsewhere(
  request: LinkRequest,
  challenge: Challenge,
  services: MethodServices,
  notice: Pick<Elsewhere, 'status' | 'error'> = { status: 200 },
): Promise<Page> {
  const client = request.clientFacts(challenge.data.clientId);
  return {
    view: 'link-elsewhere',
    asked: {
      appName: request.app.settings.name,
      device: challenge.data.device,
      at: challenge.data.createdAt,
    },
    report: request.form('report'),
    codeEntry: await services.challenges.codeEntry(request.app, challenge, request.browser, 'elsewhere'),
    ...(client.start && challenge.data.purpose === 'sign_in'
      ? { continueHere: { ...request.form('continue'), clientName: client.name } }
      : {}),
    ...notice,
  };
}

function gone(
  request: LinkRequest,
  challenge: Challenge,
  reason: 'expired' | 'used',
  services: MethodServices,
): Page {
  const wayOn = request.clientFacts(challenge.data.clientId).home;
  const mayAskAgain = reason === 'expired' && challenge.data.browser === request.browser.asking;
  return {
    view: 'link-gone',
    status: 410,
    reason,
    ...(mayAskAgain
      ? { again: request.interactionForm(services.challenges.uidOf(request.app.id, challenge), 'resend') }
      : {}),
    ...(wayOn ? { wayOn } : {}),
  };
}

async function continueHere(request: LinkRequest, services: MethodServices): Promise<StepAnswer> {
  const { app, linkId, browser } = request;
  const challenge = await services.challenges.find(app.id, linkId);
  // Without a place to go on at, the code would be spent for nothing.
  if (!challenge || !request.clientFacts(challenge.data.clientId).start || !request.browserSecret)
    return { answer: 'refused', error: 'not_found' };
  const check = await services.challenges.continueElsewhere(
    app,
    linkId,
    readCode(request.body.code),
    browser,
    request.browserSecret,
  );
  switch (check.outcome) {
    case 'right':
      return { answer: 'passed', pass: check.pass, clientId: check.challenge.data.clientId };
    case 'wrong':
      return page(await elsewhere(request, challenge, services, { status: 400, error: 'wrong_code' }));
    case 'code_closed':
      return page(await elsewhere(request, challenge, services, { status: 429, error: 'code_closed' }));
    case 'gone':
      return page(
        check.reason === 'unknown'
          ? { view: 'link-gone', status: 404, reason: 'unknown' }
          : gone(request, challenge, check.reason, services),
      );
    default:
      return unreachable(check);
  }
}

async function report(request: LinkRequest, services: MethodServices): Promise<StepAnswer> {
  await services.challenges.report(request.app.id, request.linkId);
  return page({ view: 'reported', status: 200 });
}

const page = (shown: Page) => ({ answer: 'page', page: shown }) as const;
