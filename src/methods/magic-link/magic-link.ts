/** Sign-in by emailed link, with an 8-digit code beside it (design §2): the mailbox is proved, and that is all. */
import type { MethodDefinition } from '../method.ts';
import { magicLinkSettings } from './settings.ts';

export const magicLink = {
  name: 'magic_link',
  settings: magicLinkSettings,
  create: () => ({
    name: 'magic_link',
    wayText: 'way.magic_link',
    identified: async (_request, address) => ({ answer: 'prove_mailbox', purpose: 'sign_in', address }),
    steps: {},
  }),
} as const satisfies MethodDefinition;
