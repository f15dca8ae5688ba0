/** What an app has configured for the reports of one of its transports. */
import type { App } from '../../apps/apps.ts';

export type SignedWebhook =
  | { readonly type: 'ses'; readonly topic_arn: string }
  | { readonly type: 'sendgrid'; readonly public_key: string }
  | { readonly type: 'postmark' | 'mailgun' | 'resend' | 'brevo' | 'http'; readonly secret: string };

/** Bounces to an SMTP sender come back as mail, and are handed in by whatever takes that mail. */
export type WebhookSettings = SignedWebhook | { readonly type: 'smtp'; readonly secret: string };

/** Undefined where the app has no transport of this name, or nothing is configured for its reports. */
export function webhookSettings({ settings }: App, name: string): WebhookSettings | undefined {
  const transport = settings.mail.transports?.find((one) => (one.name ?? one.type) === name);
  if (!transport) return undefined;
  switch (transport.type) {
    case 'ses':
      return transport.webhook && { type: transport.type, topic_arn: transport.webhook.topic_arn };
    case 'sendgrid':
      return transport.webhook && { type: transport.type, public_key: transport.webhook.public_key };
    default:
      return transport.webhook && { type: transport.type, secret: transport.webhook.secret };
  }
}
