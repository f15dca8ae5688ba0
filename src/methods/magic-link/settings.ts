/** `methods.magic_link` of an app. */
import { z } from 'zod';
import { domain, duration } from '../../config/fields.ts';

export const magicLinkSettings = z
  .strictObject({
    lifetime: duration({ min: '1m', max: '10m', fallback: '10m' }).describe(
      'Of link and code, from the moment of asking (ASVS 6.5.5: at most 10 minutes).',
    ),
    code: z
      .boolean()
      .default(true)
      .describe('Whether the mail carries an 8-digit code beside the link (ML-41).'),
    link_secret: z
      .union([
        z.enum(['fragment', 'path']),
        z.strictObject({
          path_for: z.array(domain).min(1).max(500).describe('Recipient domains that get the link by path.'),
        }),
      ])
      .default('fragment')
      .describe(
        '`path` for recipients whose mail gateway cuts fragments off, or only for the domains named.',
      ),
  })
  .describe('A mailed link and code.');
