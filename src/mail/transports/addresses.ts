/** What every transport checks before it hands two addresses to somebody else's software. */
import { parseEmailAddress } from '../../core/email-address.ts';
import type { Delivery, OutgoingMail } from '../transport.ts';

/** From the configuration, hence less strict than a recipient: `no-reply@localhost` is right in development. */
const SENDER = /^[A-Za-z0-9!#$&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}$/;

/** Undefined when both are one plain address each. */
export function addressFault({ to, from }: OutgoingMail): Delivery | undefined {
  // ML-63: the stored address byte for byte, or nothing.
  if (parseEmailAddress(to)?.address !== to) {
    return { outcome: 'refused', reason: 'not one plain address', scope: 'recipient' };
  }
  return SENDER.test(from.address)
    ? undefined
    : { outcome: 'refused', reason: 'sender is no plain address', scope: 'message' };
}

/**
 * A header's value on one line, whatever was in it (ML-61): some interfaces write it into the mail as it is. What looks like
 * an encoded word (RFC 2047) was typed so, and must not turn into other text in front of the reader.
 */
export const headerText = (text: string): string =>
  text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll('=?', '= ?')
    .trim();

/** `"Name" <address>`, for interfaces that take the sender as one text. */
export const mailbox = ({ name, address }: OutgoingMail['from']): string =>
  `"${headerText(name).replace(/["\\]/g, "'")}" <${address}>`;
