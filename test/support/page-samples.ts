/** One realistic model per state of every view, for tests that draw them all. URLs are paths of `page-server.ts`. */
import type { FormContext, Page, ViewName } from '../../src/core/page.ts';
import { upstreamSamples } from './upstream-samples.ts';

export const HOSTILE = '<a href=//evil.example>x</a>{{7*7}}<script>alert(1)</script>"\'`';
export const LONG_EMAIL = `${'very.long.name'.repeat(4)}@${'subdomain.'.repeat(16)}example.com`;

const form = (action = '/stay'): FormContext => ({ action, csrf: 'csrf-of-this-form' });
const wayOn = { url: 'https://shop.example/', clientName: 'Acme Shop' };

const signIn: Extract<Page, { view: 'sign-in' }> = {
  view: 'sign-in',
  status: 200,
  form: form(),
  clientName: 'Acme Shop',
  email: '',
  cancelUrl: form(),
  hasEmail: true,
  isByMail: true,
  entries: [],
};

export const checkMail: Extract<Page, { view: 'check-mail' }> = {
  view: 'check-mail',
  status: 200,
  email: 'ada@example.com',
  redeem: form('/redeem'),
  resend: form(),
  change: form(),
  statusUrl: '/status',
  resumeUrl: '/resume',
  channel: 'postern-sample',
  finishIn: 'auto',
  mail: 'accepted',
  mailRetryIn: 0,
  resendIn: 24,
  expiresIn: 582,
  codeEntry: 'open',
  otherWays: [],
  isSignIn: true,
};

type MethodPage = Extract<Page, { view: 'method' }>;

const passwordEnter: MethodPage = {
  view: 'method',
  page: 'password/enter',
  status: 200,
  heading: 'password.heading',
  scripts: ['password.js'],
  model: {
    email: 'ada@example.com',
    clientName: 'Acme Shop',
    form: form(),
    mail: form(),
    change: form(),
    otherWays: [{ text: 'way.magic_link', form: form() }],
    error: null,
  },
};

const passwordChoose: MethodPage = {
  view: 'method',
  page: 'password/choose',
  status: 200,
  heading: 'password.choose_heading',
  mark: 'done',
  scripts: ['password.js'],
  model: {
    email: 'ada@example.com',
    form: form(),
    cancel: form(),
    error: null,
    minLength: 15,
    maxLength: 256,
    rules: 'minlength: 15; maxlength: 256;',
  },
};

const mailboxAddress: MethodPage = {
  view: 'method',
  page: 'mailbox/address',
  status: 200,
  heading: 'prove_mailbox.heading',
  mark: 'mail',
  model: { form: form(), cancel: form(), email: 'ada@example.com', account: 'GitHub', pending: 'sealed' },
};

export const linkHere: Extract<Page, { view: 'link-here' }> = {
  view: 'link-here',
  status: 200,
  redeem: form('/redeem'),
  email: 'ada@example.com',
  isSignIn: true,
  codeEntry: 'open',
  hasSecret: false,
};

const linkElsewhere: Extract<Page, { view: 'link-elsewhere' }> = {
  view: 'link-elsewhere',
  status: 200,
  asked: { appName: 'Acme', device: 'Firefox on Linux', at: Date.UTC(2026, 4, 17, 9, 41) },
  report: form(),
  continueHere: { ...form(), clientName: 'Acme Shop' },
  codeEntry: 'open',
};

export const proved: Extract<Page, { view: 'proved' }> = {
  view: 'proved',
  status: 200,
  resumeUrl: '/resume',
  channel: 'postern-sample',
  finishIn: 'auto',
  clientName: 'Acme Shop',
};

const consent: Extract<Page, { view: 'consent' }> = {
  view: 'consent',
  status: 200,
  accept: form(),
  decline: form(),
  clientName: 'Acme Assistant',
  clientHost: 'assistant.example',
  email: 'ada@example.com',
  isMore: false,
  scopes: [
    { name: 'openid' },
    { name: 'email' },
    { name: 'offline_access' },
    { name: 'orders:read' },
    { name: 'orders:write https://api.shop.example', text: 'change your orders' },
  ],
};

const error = (code: string, status: number): Page => ({
  view: 'error',
  status,
  code,
  reference: 'r_8fQ2kVx1Lw',
  wayOn,
});

const passkeyEntry = {
  partial: 'passkey/button',
  model: { form: form(), options: '/options', gone: null },
  scripts: ['passkey.js'],
  hasPasskeyAutofill: true,
};

const passkeyOffer: Extract<Page, { view: 'method' }> = {
  view: 'method',
  page: 'passkey/offer',
  status: 200,
  heading: 'passkey_offer.heading',
  mark: 'key',
  model: { make: form(), options: '/options', later: form(), clientName: 'Acme Shop' },
  scripts: ['passkey.js'],
};

export const SAMPLES: Readonly<Record<string, Page>> = {
  'passkey-offer': passkeyOffer,
  'passkey-offer-refused': { ...passkeyOffer, status: 400, notice: 'passkey_offer.refused' },
  'passkey-offer-hostile': { ...passkeyOffer, model: { ...passkeyOffer.model, clientName: HOSTILE } },
  'sign-in-passkey': { ...signIn, entries: [passkeyEntry] },
  'sign-in-passkey-refused': {
    ...signIn,
    status: 400,
    error: 'passkey_suspended',
    entries: [
      {
        ...passkeyEntry,
        model: { ...passkeyEntry.model, gone: { rp: 'shop.example', credential: 'c2FtcGxl' } },
      },
    ],
  },
  'sign-in': signIn,
  'sign-in-bad-email': { ...signIn, status: 400, email: 'ada@example', error: 'bad_email' },
  'sign-in-expired-form': { ...signIn, status: 400, email: 'ada@example.com', error: 'expired_form' },
  ...upstreamSamples(signIn),
  'sign-in-hostile': { ...signIn, clientName: HOSTILE, email: HOSTILE },
  'sign-in-many': {
    ...signIn,
    isByMail: false,
    entries: [{ partial: 'button', model: { form: form(), text: 'way.magic_link' } }],
  },
  'sign-in-failed': { ...signIn, status: 400, error: 'method_failed' },
  password: passwordEnter,
  'password-wrong': {
    ...passwordEnter,
    status: 400,
    model: { ...passwordEnter.model, email: LONG_EMAIL, error: 'password.wrong' },
  },
  'password-closed': { ...passwordEnter, status: 429, notice: 'password.closed' },
  'password-choose': passwordChoose,
  'password-choose-short': {
    ...passwordChoose,
    status: 422,
    model: { ...passwordChoose.model, error: 'password.too_short' },
  },
  'mailbox-address': mailboxAddress,
  'mailbox-address-hostile': {
    ...mailboxAddress,
    status: 400,
    notice: 'sign_in.bad_email',
    model: { ...mailboxAddress.model, account: HOSTILE, email: HOSTILE },
  },
  'check-mail': checkMail,
  'check-mail-ways': { ...checkMail, otherWays: [{ text: 'way.password', form: form() }] },
  'check-mail-queued': { ...checkMail, mail: 'queued', resendIn: 0 },
  'check-mail-retrying': { ...checkMail, mail: 'retrying', mailRetryIn: 12 },
  'check-mail-handed-over': { ...checkMail, mail: 'handed_over' },
  'check-mail-delayed': { ...checkMail, mail: 'delayed', mailRetryIn: 41 },
  'check-mail-failed': { ...checkMail, mail: 'failed', resendIn: 0 },
  'check-mail-refused': { ...checkMail, mail: 'refused' },
  'check-mail-suppressed': { ...checkMail, mail: 'suppressed' },
  'check-mail-held': { ...checkMail, mail: 'held', error: 'resend_too_soon', status: 429 },
  'check-mail-wrong-code': { ...checkMail, status: 400, error: 'wrong_code', triesLeft: 3 },
  'check-mail-closed': {
    ...checkMail,
    status: 400,
    codeEntry: 'closed',
    error: 'code_closed',
    restart: wayOn,
  },
  'check-mail-off': { ...checkMail, codeEntry: 'off', email: LONG_EMAIL },
  'check-mail-expired': { ...checkMail, status: 400, error: 'expired', resendIn: 0, expiresIn: 0 },
  'link-here': linkHere,
  'link-here-secret': { ...linkHere, hasSecret: true },
  'link-here-off': { ...linkHere, codeEntry: 'off' },
  'link-here-closed': { ...linkHere, codeEntry: 'closed' },
  'link-elsewhere': linkElsewhere,
  'link-elsewhere-wrong-code': { ...linkElsewhere, status: 400, error: 'wrong_code' },
  'link-elsewhere-closed': { ...linkElsewhere, codeEntry: 'closed', error: 'code_closed', status: 400 },
  'link-elsewhere-hostile': {
    ...linkElsewhere,
    asked: { appName: HOSTILE, device: HOSTILE.repeat(40), at: 0 },
    codeEntry: 'off',
  },
  'link-gone-expired': { view: 'link-gone', status: 410, reason: 'expired', again: form(), wayOn },
  'link-gone-used': { view: 'link-gone', status: 410, reason: 'used', wayOn },
  'link-gone-unknown': { view: 'link-gone', status: 404, reason: 'unknown' },
  proved,
  'proved-waiting': { ...proved, finishIn: 'waiting' },
  'go-on': { view: 'go-on', status: 200, url: '/stay', clientName: 'Acme Shop' },
  'continue-as': {
    view: 'continue-as',
    status: 200,
    form: form(),
    other: form(),
    maskedEmail: 'a…@example.com',
    clientName: 'Acme Shop',
  },
  'choose-account': {
    view: 'choose-account',
    status: 200,
    keep: form(),
    another: form(),
    cancel: form(),
    email: LONG_EMAIL,
    clientName: 'Acme Shop',
  },
  'switch-user': {
    view: 'switch-user',
    status: 200,
    currentEmail: 'ada@example.com',
    newEmail: LONG_EMAIL,
    accept: form(),
    carried: [{ name: 'code', value: HOSTILE }],
    decline: form(),
  },
  consent,
  'consent-more': {
    ...consent,
    isMore: true,
    scopes: [{ name: 'openid' }, { name: 'email' }, { name: 'offline_access', isNew: true }],
  },
  'consent-hostile': {
    ...consent,
    clientName: HOSTILE.repeat(3),
    scopes: [{ name: 'openid' }, { name: HOSTILE }, { name: 'x', text: HOSTILE }],
  },
  logout: {
    view: 'logout',
    status: 200,
    action: '/stay',
    xsrf: 'x',
    stay: '/stay',
    email: 'ada@example.com',
    clientName: 'Acme Shop',
  },
  'logout-own': {
    view: 'logout',
    status: 200,
    action: '/stay',
    xsrf: 'x',
    stay: '/stay',
    email: 'ada@example.com',
  },
  'still-signed-in': { view: 'still-signed-in', status: 200, wayOn },
  'logged-out': { view: 'logged-out', status: 200, wayOn },
  'form-post': {
    view: 'form-post',
    status: 200,
    action: '/stay',
    fields: [
      { name: 'code', value: 'abc' },
      { name: 'submit', value: HOSTILE },
    ],
    clientName: 'Acme Shop',
  },
  reported: { view: 'reported', status: 200 },
  finished: { view: 'finished', status: 200, clientName: 'Acme Shop', wayOn },
  'refused-closed': {
    view: 'refused',
    status: 403,
    reason: 'sign_up_closed',
    email: 'ada@example.com',
    cancel: form(),
  },
  'refused-blocked': { view: 'refused', status: 403, reason: 'blocked', email: 'ada@example.com' },
  'unavailable-reload': { view: 'unavailable', status: 503, retry: 'reload', reference: 'r3f3r3nc3', wayOn },
  'unavailable-form': {
    view: 'unavailable',
    status: 503,
    retry: {
      action: '/stay',
      fields: [
        { name: 'csrf', value: 'csrf-of-this-form' },
        { name: 'email', value: HOSTILE },
      ],
    },
    reference: 'r3f3r3nc3',
  },
  'unavailable-url': { view: 'unavailable', status: 503, retry: { url: '/stay' }, reference: 'r3f3r3nc3' },
  'unavailable-back': { view: 'unavailable', status: 503, retry: 'back', reference: 'r3f3r3nc3' },
  error: error('interaction_missing', 400),
  'error-unknown': error('<b>no_such_code</b>', 500),
};

/** Does not compile while a view has no sample of its own name or with a suffix. Pages of methods have theirs by name. */
export const SAMPLE_OF_VIEW: Readonly<Record<Exclude<ViewName, 'method'>, keyof typeof SAMPLES>> = {
  'sign-in': 'sign-in',
  'check-mail': 'check-mail',
  'link-here': 'link-here',
  'link-elsewhere': 'link-elsewhere',
  'link-gone': 'link-gone-expired',
  proved: 'proved',
  'go-on': 'go-on',
  'continue-as': 'continue-as',
  'choose-account': 'choose-account',
  'switch-user': 'switch-user',
  consent: 'consent',
  logout: 'logout',
  'logged-out': 'logged-out',
  'still-signed-in': 'still-signed-in',
  'form-post': 'form-post',
  reported: 'reported',
  finished: 'finished',
  refused: 'refused-closed',
  unavailable: 'unavailable-reload',
  error: 'error',
};
