/** Before something that was proved elsewhere is linked to the owner of this mailbox. */
import type { MailFields, MailKind } from '../kinds.ts';
import { SIGN_IN } from './sign-in.ts';

export const VERIFY_EMAIL = {
  name: 'verify-email',
  summary: 'Somebody wants to sign in with this mailbox and another account or an imported password.',
  subject: 'verify_email.subject',
  fields: {
    ...SIGN_IN.fields,
    account: {
      type: 'text',
      description: 'The other provider whose account would be linked; empty for an imported password.',
      sample: 'Google',
      isOptional: true,
    },
  },
} as const satisfies MailKind<MailFields>;
