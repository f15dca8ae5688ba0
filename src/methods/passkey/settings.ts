/** `methods.passkey` of an app. What has to fit its issuer is checked in `config/check-passkey.ts`. */
import { z } from 'zod';
import { webUrl } from '../../config/fields.ts';

export const passkeySettings = z
  .strictObject({
    user_verification: z
      .enum(['required', 'preferred'])
      .default('required')
      .describe(
        'Whether the authenticator has to check its owner (fingerprint, face, PIN) every time; `preferred` also takes keys that only feel a touch.',
      ),
    rp_id: z
      .string()
      .max(253)
      .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be a host name in lower case, such as shop.example')
      .optional()
      .describe(
        'Domain that the passkeys belong to: the host of the issuer (default) or a domain above it. Passkeys cannot move: after a change none of those made before can be used.',
      ),
    related_origins: z
      .array(webUrl())
      .max(20)
      .default([])
      .describe(
        'Origins of other sites that may use passkeys of this domain, told at `/.well-known/webauthn` of the issuer. Postern itself takes answers from its own pages alone.',
      ),
    offer: z
      .boolean()
      .default(true)
      .describe('Whether a person who has no passkey yet is offered to make one, once a week at most.'),
  })
  .describe('A passkey: fingerprint, face, PIN or security key. Needs another method beside it.');

export type PasskeySettings = z.output<typeof passkeySettings>;
