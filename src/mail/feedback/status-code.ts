/** What an enhanced status (RFC 3463) of a mail that was given up says of its mailbox. */
import type { FeedbackKind } from './event.ts';

/** RFC 3463 §3.2 addressing: no such mailbox or domain. 5.1.8 is about our address, not theirs (RFC 7505 made 5.1.10). */
const NO_SUCH_MAILBOX = /^5\.(?:1\.(?:[0-6]|10)|2\.1|4\.4)$/;
/** Security, content and protocol: said of this mail or its sender. */
const ABOUT_THE_MAIL = /^[45]\.(?:7\.\d+|6\.\d+|5\.\d+|2\.3|3\.4|1\.[78])$/;

/** Exchange Online writes 5.4.1 for an unknown recipient: https://learn.microsoft.com/exchange/mail-flow-best-practices */
export function kindOfFailure(status: string | undefined, diagnostic = ''): FeedbackKind {
  if (status === undefined) return 'soft_bounce';
  if (status === '5.4.1' && /recipient address rejected|access denied/i.test(diagnostic))
    return 'hard_bounce';
  if (NO_SUCH_MAILBOX.test(status)) return 'hard_bounce';
  // 5.2.2 full, 5.3.x and 5.4.x its system and the way there, 4.x.x given up after days: the next mail may arrive.
  return ABOUT_THE_MAIL.test(status) ? 'rejected' : 'soft_bounce';
}

/** The more telling of the two: many servers write 5.0.0 and the cause behind it. */
export function tellingStatus(status: string | undefined, diagnostic: string): string | undefined {
  const own = /(?:^|\s)([245]\.\d{1,3}\.\d{1,3})(?:\s|$)/.exec(status ?? '')?.[1];
  const quoted = /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(diagnostic.slice(0, 2000))?.[1];
  const isVague = own === undefined || /^[245]\.0\.0$/.test(own);
  // A class of its own in the answer is about another hop.
  return isVague && quoted !== undefined && (own === undefined || quoted[0] === own[0]) ? quoted : own;
}
