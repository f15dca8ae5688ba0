/**
 * Turns a page into what its view reads: every optional field is there (null when absent, as views are strict), errors are
 * text keys, links are checked,
 * names of apps, clients and devices are cut and lose their direction marks (ML-73, OA-49). All choices are made here, so that views only lay out.
 */
import { unreachable } from '../../core/errors.ts';
import type { MailState, Mark, Page, SignInError, WayOn } from '../../core/page.ts';
import { type Locale, momentFormatOf } from '../../core/texts.ts';
import { oneLine } from '../../lib/hostile-text.ts';
import { type TextKey, translate } from '../locales.ts';
import { errorTextOf } from './error-texts.ts';

export interface ViewModel {
  readonly heading: TextKey;
  readonly mark: Mark | null;
  readonly [field: string]: unknown;
}

const MAIL_TEXTS: Readonly<Record<MailState, TextKey>> = {
  queued: 'check_mail.mail_queued',
  retrying: 'check_mail.mail_retrying',
  handed_over: 'check_mail.mail_handed_over',
  accepted: 'check_mail.mail_accepted',
  delayed: 'check_mail.mail_delayed',
  refused: 'check_mail.mail_refused',
  failed: 'check_mail.mail_failed',
  held: 'check_mail.mail_held',
  suppressed: 'check_mail.mail_suppressed',
};

const SCOPE_TEXTS: ReadonlyMap<string, TextKey> = new Map([
  ['openid', 'consent.scope_openid'],
  ['email', 'consent.scope_email'],
  ['profile', 'consent.scope_profile'],
  ['phone', 'consent.scope_phone'],
  ['address', 'consent.scope_address'],
  ['offline_access', 'consent.scope_offline_access'],
]);

export function viewModel(page: Page, locale: Locale): ViewModel {
  switch (page.view) {
    case 'sign-in':
      return {
        ...page,
        heading: 'sign_in.heading',
        mark: null,
        clientName: oneLine(page.clientName),
        autocomplete: page.entries.some((entry) => entry.hasPasskeyAutofill) ? 'username webauthn' : 'email',
        submit: textKey(page.isByMail ? 'sign_in.submit' : 'button.continue'),
        entries: page.entries.map(({ partial, model }) => ({ partial: `methods/${partial}`, model })),
        error: page.error === 'bad_email' ? ('sign_in.bad_email' satisfies TextKey) : null,
        notice: page.error === undefined ? null : (SIGN_IN_NOTICES[page.error] ?? null),
      };
    case 'method': {
      const { model, heading, mark = null, notice = null } = page;
      // A key of the method's own; one without a text is a fault that drawing tells.
      return { ...model, view: page.view, heading: heading as TextKey, mark, notice };
    }
    case 'check-mail':
      return checkMail(page);
    case 'link-here':
      return {
        ...page,
        heading: page.isSignIn ? 'link_here.heading' : 'link_here.confirm_heading',
        submit: submitOf(page),
        mark: null,
        isCodeOpen: page.codeEntry === 'open',
        isCodeClosed: page.codeEntry === 'closed',
        error: null,
      };
    case 'link-elsewhere':
      return linkElsewhere(page, locale);
    case 'link-gone':
      return { ...page, ...linkGone(page), again: page.again ?? null, wayOn: wayOnOf(page.wayOn) };
    case 'proved':
      return {
        ...page,
        heading: 'proved.heading',
        mark: 'done',
        clientName: oneLine(page.clientName),
        isWaiting: page.finishIn === 'waiting',
      };
    case 'go-on':
      return {
        ...page,
        heading: 'go_on.heading',
        mark: 'wait',
        url: checkedUrl(page.url),
        host: hostOf(page.url),
        clientName: oneLine(page.clientName),
      };
    case 'continue-as':
      return { ...page, heading: 'continue_as.heading', mark: null, clientName: oneLine(page.clientName) };
    case 'choose-account':
      return { ...page, heading: 'choose_account.heading', mark: null, clientName: oneLine(page.clientName) };
    case 'switch-user':
      return { ...page, heading: 'switch_user.heading', mark: null };
    case 'consent':
      return {
        ...page,
        heading: 'consent.heading',
        mark: null,
        clientName: oneLine(page.clientName),
        lead: textKey(page.isMore ? 'consent.lead_more' : 'consent.lead'),
        scopes: page.scopes.map(({ name, text, isNew }) => ({
          isNew: page.isMore && isNew === true,
          text: SCOPE_TEXTS.get(name) ?? ('consent.scope_other' satisfies TextKey),
          scope: oneLine(name),
          own: text === undefined ? null : oneLine(text),
        })),
      };
    case 'logout':
      return {
        ...page,
        heading: 'logout.heading',
        mark: null,
        clientName: page.clientName === undefined ? null : oneLine(page.clientName),
      };
    case 'logged-out':
      return { ...page, heading: 'logged_out.heading', mark: 'done', wayOn: wayOnOf(page.wayOn) };
    case 'still-signed-in':
      return { ...page, heading: 'still_signed_in.heading', mark: 'done', wayOn: wayOnOf(page.wayOn) };
    case 'form-post':
      return {
        ...page,
        heading: 'form_post.heading',
        mark: 'wait',
        action: checkedUrl(page.action),
        host: hostOf(page.action),
        clientName: oneLine(page.clientName),
      };
    case 'reported':
      return { ...page, heading: 'reported.heading', mark: 'done' };
    case 'finished':
      return { ...page, heading: 'finished.heading', mark: 'done', wayOn: wayOnOf(page.wayOn) };
    case 'refused':
      return { ...page, ...refused(page.reason), cancel: page.cancel ?? null };
    case 'unavailable':
      return unavailable(page);
    case 'error': {
      const { heading, text } = errorTextOf(page.code);
      return { ...page, heading, text, mark: 'warning', wayOn: wayOnOf(page.wayOn) };
    }
    default:
      return unreachable(page);
  }
}

const submitOf = ({ isSignIn }: { readonly isSignIn: boolean }): TextKey =>
  isSignIn ? 'button.sign_in' : 'button.continue';

const SIGN_IN_NOTICES: Readonly<Partial<Record<SignInError, TextKey>>> = {
  expired_form: 'state.expired_form',
  came_back: 'upstream.came_back',
  method_failed: 'sign_in.method_failed',
  passkey_refused: 'passkey.refused',
  passkey_suspended: 'passkey.suspended',
};

type PageOf<View extends Page['view']> = Extract<Page, { view: View }>;

function checkMail(page: PageOf<'check-mail'>): ViewModel {
  return {
    ...page,
    heading: 'check_mail.heading',
    mark: 'mail',
    submit: submitOf(page),
    lead: textKey(page.codeEntry === 'off' ? 'check_mail.lead_link' : 'check_mail.lead_code'),
    isCodeOpen: page.codeEntry === 'open',
    isCodeClosed: page.codeEntry === 'closed',
    mailText: MAIL_TEXTS[page.mail],
    error: page.error === 'wrong_code' ? textKey('check_mail.wrong_code') : null,
    triesLeft: page.error === 'wrong_code' ? (page.triesLeft ?? null) : null,
    notice: checkMailNotice(page.error),
    restart: wayOnOf(page.restart),
    mailRetryTime: clockTime(page.mailRetryIn),
    resendTime: clockTime(page.resendIn),
    expiresTime: clockTime(page.expiresIn),
  };
}

/** What belongs to the page rather than to its field. A closed code is told by `codeEntry`, not twice. */
function checkMailNotice(error: PageOf<'check-mail'>['error']): TextKey | null {
  switch (error) {
    case 'expired':
      return 'check_mail.expired';
    case 'resend_too_soon':
      return 'check_mail.resend_too_soon';
    case 'expired_form':
      return 'state.expired_form';
    case 'wrong_code':
    case 'code_closed':
    case undefined:
      return null;
    default:
      return unreachable(error);
  }
}

function linkElsewhere(page: PageOf<'link-elsewhere'>, locale: Locale): ViewModel {
  const isCodeOpen = page.codeEntry === 'open';
  return {
    ...page,
    heading: 'link_elsewhere.heading',
    mark: 'device',
    lead: textKey(isCodeOpen ? 'link_elsewhere.lead_code' : 'link_elsewhere.lead_link'),
    appName: oneLine(page.asked.appName),
    device: oneLine(page.asked.device),
    askedAt: new Date(page.asked.at).toISOString(),
    // The same instant without script: UTC, said so.
    askedText: translate(locale, 'link_elsewhere.moment', {
      time: momentFormatOf(locale).format(page.asked.at),
    }),
    continueHere:
      isCodeOpen && page.continueHere
        ? { ...page.continueHere, clientName: oneLine(page.continueHere.clientName) }
        : null,
    error: page.error === 'wrong_code' ? textKey('link_elsewhere.wrong_code') : null,
    notice:
      page.error === 'expired_form'
        ? textKey('state.expired_form')
        : page.error === 'code_closed' || page.codeEntry === 'closed'
          ? textKey('link_elsewhere.code_closed')
          : null,
  };
}

function linkGone(page: PageOf<'link-gone'>): { heading: TextKey; text: TextKey; mark: Mark } {
  switch (page.reason) {
    case 'expired':
      return {
        heading: 'link_gone.expired_heading',
        text: page.again ? 'link_gone.expired' : 'link_gone.expired_no_way',
        mark: 'clock',
      };
    case 'used':
      return { heading: 'link_gone.used_heading', text: 'link_gone.used', mark: 'done' };
    case 'unknown':
      return { heading: 'link_gone.unknown_heading', text: 'link_gone.unknown', mark: 'warning' };
    default:
      return unreachable(page.reason);
  }
}

function refused(reason: PageOf<'refused'>['reason']): { heading: TextKey; text: TextKey; mark: Mark } {
  return reason === 'blocked'
    ? { heading: 'refused.blocked_heading', text: 'refused.blocked', mark: 'warning' }
    : { heading: 'refused.sign_up_closed_heading', text: 'refused.sign_up_closed', mark: 'warning' };
}

function unavailable(page: PageOf<'unavailable'>): ViewModel {
  const { retry } = page;
  const form = typeof retry === 'object' && 'fields' in retry ? retry : undefined;
  // An empty reference is the address of the page itself.
  const url = retry === 'reload' ? '' : typeof retry === 'object' && 'url' in retry ? retry.url : null;
  return {
    ...page,
    heading: 'unavailable.heading',
    mark: 'wait',
    lead: textKey(form ? 'unavailable.form' : url === null ? 'unavailable.back' : 'unavailable.reload'),
    form: form ? { ...form, action: checkedUrl(form.action) } : null,
    again: url === null ? null : { url: url === '' ? '' : checkedUrl(url) },
    wayOn: wayOnOf(page.wayOn),
  };
}

const textKey = (key: TextKey): TextKey => key;

function wayOnOf(wayOn: WayOn | undefined): WayOn | null {
  return wayOn ? { url: checkedUrl(wayOn.url), clientName: oneLine(wayOn.clientName) } : null;
}

/**
 * Registration should have refused these long ago; a page is the last place to notice. Native clients have schemes of
 * their own (RFC 8252 §7.1), so only what a browser would run or draw itself is refused (ML-72).
 */
function checkedUrl(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined ? !/^\/(?![/\\])/.test(url) : UNSAFE_SCHEMES.has(scheme)) {
    throw new Error('refusing to send a browser to this kind of URL');
  }
  return url;
}

const UNSAFE_SCHEMES = new Set(['javascript', 'data', 'vbscript', 'blob', 'file', 'about', 'view-source']);

/** What can be judged of a place to go: its host. Null for our own paths and for native schemes. */
function hostOf(url: string): string | null {
  return URL.parse(url)?.host || null;
}

/** `9:42`. Minutes and seconds only: nothing here lives an hour. */
function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
