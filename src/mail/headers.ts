/**
 * Headers that every mail of ours carries.
 *
 * No `List-Unsubscribe`: nobody subscribes to a sign-in mail, and mail programs would offer to block the next one.
 */

/** RFC 3834 §5.1, and the same for Exchange: no out-of-office answers to a sign-in mail. */
const AUTOMATIC = { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' };

/**
 * Click tracking rewrites the link, sends it through a third party and cuts its fragment off (ML-05). Each provider has
 * a switch of its own, named in its documentation; the others pass over it.
 */
const UNTRACKED = {
  'X-PM-TrackLinks': 'None', // Postmark
  'X-PM-TrackOpens': 'false',
  'X-Mailgun-Track': 'no',
  'X-Mailgun-Track-Clicks': 'no',
  'X-Mailgun-Track-Opens': 'no',
  'X-Mailjet-TrackClick': '0',
  'X-Mailjet-TrackOpen': '0',
  'X-MC-Track': 'none', // Mailchimp Transactional (Mandrill)
  // SendGrid
  'X-SMTPAPI': JSON.stringify({
    filters: {
      clicktrack: { settings: { enable: 0, enable_text: false } },
      opentrack: { settings: { enable: 0 } },
      subscriptiontrack: { settings: { enable: 0 } },
    },
  }),
  // SparkPost
  'X-MSYS-API': JSON.stringify({ options: { click_tracking: false, open_tracking: false } }),
};

const FOR_RELAYS: ReadonlySet<string> = new Set(
  [...Object.keys(UNTRACKED), 'X-Idempotency-Key', 'Resend-Idempotency-Key'].map((name) =>
    name.toLowerCase(),
  ),
);

/** Without what only a relay by SMTP reads: an HTTP interface has fields for it, and refuses some of these headers. */
export const headersForApis = (headers: Readonly<Record<string, string>>): [name: string, value: string][] =>
  Object.entries(headers).filter(([name]) => !FOR_RELAYS.has(name.toLowerCase()));

/** By which a provider, or a receiver of ours, knows the repeat of a delivery (RL-02). */
export const idempotencyKey = (messageId: string): string => messageId.slice(1, messageId.lastIndexOf('@'));

/** @param messageId with angle brackets; also the key by which relays that know one drop a repeat (RL-02). */
export function automaticMailHeaders(messageId: string): Readonly<Record<string, string>> {
  const key = idempotencyKey(messageId);
  return { ...AUTOMATIC, ...UNTRACKED, 'X-Idempotency-Key': key, 'Resend-Idempotency-Key': key };
}
