/** The pages of passwords, as data. */
import type { Page } from '../../core/page.ts';
import { oneLine } from '../../lib/hostile-text.ts';
import type { InteractionRequest } from '../method.ts';
import { MAX_LENGTH, type PasswordFault } from './policy.ts';

type MethodPage = Extract<Page, { view: 'method' }>;

const ENTER_ERRORS = { wrong: 400, closed: 429, busy: 503 } as const;

export function enterPage(
  request: InteractionRequest,
  email: string,
  error?: keyof typeof ENTER_ERRORS,
): MethodPage {
  return {
    view: 'method',
    page: 'password/enter',
    status: error === undefined ? 200 : ENTER_ERRORS[error],
    heading: 'password.heading',
    scripts: ['password.js'],
    ...(error === 'busy' ? { notice: 'password.busy' } : {}),
    ...(error === 'closed' ? { notice: 'password.closed' } : {}),
    model: {
      email,
      clientName: oneLine(request.clientFacts(request.interaction.clientId).name),
      form: request.form('password-check'),
      mail: request.form('password-mail'),
      change: request.form('change'),
      otherWays: request.otherWays('password'),
      error: error === 'wrong' ? 'password.wrong' : null,
    },
  };
}

const CHOOSE_ERRORS = {
  too_short: 'password.too_short',
  too_long: 'password.too_long',
  too_common: 'password.too_common',
  too_personal: 'password.too_personal',
} as const satisfies Record<PasswordFault, string>;

export function choosePage(
  request: InteractionRequest,
  email: string,
  minLength: number,
  fault?: PasswordFault | 'busy',
): MethodPage {
  const error = fault === undefined || fault === 'busy' ? null : CHOOSE_ERRORS[fault];
  return {
    view: 'method',
    page: 'password/choose',
    status: fault === undefined ? 200 : fault === 'busy' ? 503 : 422,
    heading: 'password.choose_heading',
    mark: 'done',
    scripts: ['password.js'],
    ...(fault === 'busy' ? { notice: 'password.busy' } : {}),
    model: {
      email,
      form: request.form('password-choose'),
      cancel: request.form('cancel'),
      error,
      minLength,
      maxLength: MAX_LENGTH,
      rules: `minlength: ${minLength}; maxlength: ${MAX_LENGTH};`,
    },
  };
}
