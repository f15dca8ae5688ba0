/** How a transport's reports on its mails are known to be genuine; each provider has a way of its own. */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { FROM_ENVIRONMENT } from './fields.ts';

const WHERE = 'Reports come to `{issuer}/mail/webhooks/<name>`: docs/guide/mail-feedback.md.';

const secretText = (what: string) =>
  z
    .string()
    .min(20)
    .max(1000)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces')
    .describe(`${what}: ${FROM_ENVIRONMENT}, or a \`sealed:…\` value.`);

const block = (secret: z.ZodType<string>) => z.strictObject({ secret }).optional().describe(WHERE);

/** A secret of ours that the provider sends along, as password of HTTP Basic or as Bearer token. */
export const sharedSecretWebhook = block(
  secretText('At least 20 random characters, sent along as password of HTTP Basic or as Bearer token'),
);

export const mailgunWebhook = block(secretText('The HTTP webhook signing key of the account'));

const standardSecret = z
  .string()
  .max(200)
  .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, '`whsec_` and 24 to 64 bytes in base64');

export const standardWebhook = block(
  standardSecret.describe(`Signing secret \`whsec_…\`: ${FROM_ENVIRONMENT}, or a \`sealed:…\` value.`),
);

export const sendgridWebhook = z
  .strictObject({
    public_key: z
      .string()
      .max(500)
      .refine(isEllipticKey, 'must be the verification key as SendGrid shows it (base64)')
      .describe('Verification key of the Signed Event Webhook; no secret.'),
  })
  .optional()
  .describe(WHERE);

export const sesWebhook = z
  .strictObject({
    topic_arn: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:sns:[a-z]{2}(-[a-z]+)+-\d{1,2}:\d{12}:[A-Za-z0-9_-]{1,256}$/,
        'the ARN of an SNS topic',
      )
      .describe('SNS topic that SES publishes to; messages of any other are refused.'),
  })
  .optional()
  .describe(WHERE);

function isEllipticKey(written: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(written, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec';
  } catch {
    return false;
  }
}
