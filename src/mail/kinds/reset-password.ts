/** Before a password is chosen, at first or anew: the same mail for every address. */
import type { MailFields, MailKind } from '../kinds.ts';
import { SIGN_IN } from './sign-in.ts';

export const RESET_PASSWORD = {
  name: 'reset-password',
  summary: 'Somebody asked to choose a password for this mailbox.',
  subject: 'reset_password.subject',
  fields: SIGN_IN.fields,
} as const satisfies MailKind<MailFields>;
