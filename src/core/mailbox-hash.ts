/** How a mailbox is named where its address must not stand: in counters and in the audit log. */
import type { EmailAddress } from './email-address.ts';
import type { Keyring } from './keyring.ts';

/**
 * Keyed, because addresses are guessable: a copy of the counters names nobody. Over all apps, hence no app's key; under
 * the oldest secret, so that a new one starts no budget afresh.
 */
export function mailboxHash(keyring: Keyring, { mailbox }: Pick<EmailAddress, 'mailbox'>): string {
  return keyring.mac('*', 'mailbox', [mailbox], keyring.versions.at(-1)).toString('base64url');
}
