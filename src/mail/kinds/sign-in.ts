/** The sign-in mail: link, code, who asked and how long both last. */
import type { MailFields, MailKind } from '../kinds.ts';

export const SIGN_IN = {
  name: 'sign-in',
  summary: 'Somebody asked to sign in with this mailbox.',
  subject: 'sign_in.subject',
  fields: {
    link: {
      type: 'link',
      description: 'Opens the landing page; signs in the browser that asked.',
      sample: `https://auth.shop.example/link/${'sample'.padEnd(22, '0')}#${'sample'.padEnd(43, '0')}`,
    },
    code: {
      type: 'code',
      description: 'Eight digits in two groups; empty where the app has code entry off.',
      sample: '12345678',
      isOptional: true,
    },
    device: {
      type: 'text',
      description: 'What asked, in words.',
      sample: 'Firefox on Linux',
      isFact: true,
    },
    asked_at: {
      type: 'moment',
      description: 'When it was asked for.',
      sample: Date.UTC(2026, 10, 23, 19, 4),
      isFact: true,
    },
    valid_until: {
      type: 'time',
      description: 'Time of day at which link and code end.',
      sample: Date.UTC(2026, 10, 23, 19, 14),
    },
    minutes: { type: 'count', description: 'How many minutes that is from asking.', sample: 10 },
  },
} as const satisfies MailKind<MailFields>;
