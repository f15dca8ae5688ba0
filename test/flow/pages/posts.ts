/** A genuine request to every POST route that acts by cookie, ready to be sent or to be forged. */
import { type Harness, signInByCode } from '../../support/harness.ts';
import type { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import {
  allEvents,
  askForMail,
  formTo,
  isSignedIn,
  landingOf,
  newBrowser,
  openLink,
  sessionsIn,
} from '../../support/sign-in.ts';

export interface Prepared {
  readonly browser: Browser;
  readonly url: string;
  readonly page: string;
  readonly body: Readonly<Record<string, string>>;
  /** What a genuine request would have changed. */
  isUnchanged(): Promise<boolean>;
}

export const ROUTES = [
  'interaction/begin',
  'interaction/resend',
  'interaction/change',
  'interaction/redeem by code',
  'interaction/redeem by link',
  'interaction/stay and switch',
  'interaction/cancel',
  'interaction/consent',
  'interaction/continue',
  'link/continue',
  'link/report',
  'session/end/confirm',
] as const;

export type RouteName = (typeof ROUTES)[number];

/** The whole body that a form would send. */
function bodyOf(page: Answer, step: string, values: Readonly<Record<string, string>> = {}) {
  const fields = formTo(page, step).fields.filter(({ isSent }) => isSent);
  return { ...Object.fromEntries(fields.map(({ name, value }) => [name, value])), ...values };
}

async function prepare(
  page: Answer,
  browser: Browser,
  step: string,
  values = {},
): Promise<Omit<Prepared, 'isUnchanged'>> {
  return { browser, url: formTo(page, step).action, page: page.url, body: bodyOf(page, step, values) };
}

const mailCount = async (harness: Harness): Promise<number> => {
  await harness.server.jobs.runDue();
  return harness.mails().length;
};

export function posts(
  harness: Harness,
  inspection: Inspection,
): Readonly<Record<RouteName, () => Promise<Prepared>>> {
  const stillPending = (id: string) => async () => (await inspection.statusOf(id)) === 'pending';
  return {
    'interaction/begin': async () => {
      const browser = newBrowser(harness);
      const page = await browser.visit(await harness.rp().authorizationUrl());
      const before = await mailCount(harness);
      const isUnchanged = async () => (await mailCount(harness)) === before;
      return { ...(await prepare(page, browser, 'begin', { email: newAddress() })), isUnchanged };
    },
    'interaction/resend': async () => {
      const { browser, waiting, address } = await askForMail(harness);
      harness.clock.move(31_000);
      const isUnchanged = async () => {
        await mailCount(harness);
        return harness.mails().filter((caught) => caught.mail.to === address).length === 1;
      };
      return { ...(await prepare(waiting, browser, 'resend')), isUnchanged };
    },
    'interaction/change': async () => {
      const { browser, waiting, mail } = await askForMail(harness);
      return { ...(await prepare(waiting, browser, 'change')), isUnchanged: stillPending(mail.id) };
    },
    'interaction/redeem by code': async () => {
      const { browser, waiting, mail } = await askForMail(harness);
      const own = await prepare(waiting, browser, 'redeem', { code: mail.code });
      return { ...own, isUnchanged: stillPending(mail.id) };
    },
    'interaction/redeem by link': async () => {
      const { browser, mail } = await askForMail(harness);
      const { landing } = await openLink(browser, mail);
      const own = await prepare(landing, browser, 'redeem', { secret: mail.secret });
      return { ...own, isUnchanged: stillPending(mail.id) };
    },
    'interaction/stay and switch': async () => {
      const browser = newBrowser(harness);
      await signInByCode(harness, browser, harness.rp(), newAddress());
      const { waiting, mail } = await askForMail(harness, { browser, params: { prompt: 'login' } });
      const question = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
      return { ...(await prepare(question, browser, 'redeem')), isUnchanged: stillPending(mail.id) };
    },
    'interaction/cancel': async () => {
      const browser = newBrowser(harness);
      const page = await browser.visit(await harness.rp().authorizationUrl());
      const isUnchanged = async () => (await browser.clone().visit(page.url)).status === 200;
      return { ...(await prepare(page, browser, 'cancel')), isUnchanged };
    },
    'interaction/consent': async () => {
      const { browser, waiting, mail } = await askForMail(harness, { client: 'partner' });
      const page = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
      const isUnchanged = async () =>
        pageOf(await browser.clone().visit(page.url)).text.includes('Allow access?');
      return { ...(await prepare(page, browser, 'consent')), isUnchanged };
    },
    'interaction/continue': async () => {
      const { mail } = await askForMail(harness);
      const phone = newBrowser(harness);
      const landing = await phone.visit(landingOf(mail));
      await phone.submit(formWith(landing, 'code'), { code: mail.code });
      const page = await phone.visit(await harness.rp().authorizationUrl());
      const isUnchanged = async () =>
        sessionsIn(phone).length === 0 &&
        formsOf(await phone.clone().visit(page.url)).some(({ action }) => action.endsWith('/continue'));
      return { ...(await prepare(page, phone, 'continue')), isUnchanged };
    },
    'link/continue': async () => {
      const { mail } = await askForMail(harness);
      const phone = newBrowser(harness);
      const landing = await phone.visit(landingOf(mail));
      const own = await prepare(landing, phone, 'continue', { code: mail.code });
      return { ...own, isUnchanged: stillPending(mail.id) };
    },
    'link/report': async () => {
      const { mail } = await askForMail(harness);
      const phone = newBrowser(harness);
      const landing = await phone.visit(landingOf(mail));
      const isUnreported = async () =>
        !(await allEvents(harness)).some(
          (event) => event.type === 'challenge.reported' && event.challengeId === mail.id,
        );
      return { ...(await prepare(landing, phone, 'report')), isUnchanged: isUnreported };
    },
    'session/end/confirm': async () => {
      const browser = newBrowser(harness);
      await signInByCode(harness, browser, harness.rp(), newAddress());
      const page = await browser.visit(`${harness.url}/shop/session/end`);
      const isUnchanged = async () => {
        const url = await harness.rp().authorizationUrl({ prompt: 'none' });
        return isSignedIn(await browser.clone().visit(url));
      };
      return { ...(await prepare(page, browser, 'confirm', { logout: 'yes' })), isUnchanged };
    },
  };
}
