/** A sign-in mail for tests that are about something else. */
import { MINUTE } from '../../src/core/clock.ts';
import { composeMail, type MailDraft } from '../../src/mail/compose.ts';
import { SIGN_IN } from '../../src/mail/kinds/sign-in.ts';
import type { OutgoingMail } from '../../src/mail/transport.ts';

export interface SignInMailInput extends Omit<MailDraft, 'values'> {
  readonly link: string;
  readonly code: string | undefined;
  readonly device: string;
  readonly askedAt: number;
  readonly expiresAt: number;
}

export function composeSignInMail(input: SignInMailInput): OutgoingMail {
  const { link, code, device, askedAt, expiresAt, ...draft } = input;
  const minutes = Math.max(1, Math.floor((expiresAt - askedAt) / MINUTE));
  return composeMail(SIGN_IN, {
    ...draft,
    values: { link, code, device, asked_at: askedAt, valid_until: expiresAt, minutes },
  });
}
