/**
 * One resource server in the configuration file (RFC 8707), under its identifier: an API that takes access tokens of this
 * app. What needs the rest of the app is checked in `check-resources.ts`.
 */
import { z } from 'zod';
import { duration, text } from './fields.ts';

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;
const clientIds = () => z.array(z.string().min(1).max(200)).max(1000);

/** An absolute URI without a fragment (RFC 8707 §2), compared exactly. */
export const resourceIdentifier = z
  .string()
  .max(2000)
  .regex(/^[\x21\x24-\x7e]+$/, 'an absolute URI of printable ASCII, without a fragment (RFC 8707 §2)')
  .refine((written) => /^[a-z][a-z0-9+.-]*:/.test(written) && URL.parse(written) !== null, {
    message: 'must be an absolute URI such as https://api.shop.example (RFC 8707 §2)',
  });

export const resource = z
  .strictObject({
    scopes: z
      .record(
        z.string().regex(SCOPE, 'a scope is printable ASCII without spaces, " and \\'),
        text(200).describe('What it lets a client do, in words for the consent page.'),
      )
      .default({})
      .describe(
        'What a token for it can be limited to: each scope with a sentence for the consent page, such as `orders:read: see your orders`.',
      ),
    format: z
      .enum(['jwt', 'opaque'])
      .default('jwt')
      .describe(
        '`jwt` (RFC 9068) is checked by the resource server itself and ends only by its lifetime; `opaque` is asked for at the introspection endpoint and ends at once.',
      ),
    lifetime: duration({ min: '30s', max: '1h', fallback: '5m' }).describe(
      'Of an access token for it. A JWT cannot be called back, hence at most 1h (OA-29).',
    ),
    signing_alg: z.enum(['RS256', 'ES256']).default('RS256').describe('How its JWTs are signed.'),
    clients: clientIds().optional().describe('Clients that may ask for it; default: all of this app.'),
    introspection: clientIds()
      .default([])
      .describe(
        'Clients that may ask the introspection endpoint about tokens for it: the resource server itself, registered as a client with a secret (OA-28).',
      ),
  })
  .describe('An API that takes access tokens of this app (RFC 8707).');
