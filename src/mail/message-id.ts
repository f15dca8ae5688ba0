/**
 * The Message-ID of one send, derived: every attempt and every process gives the same, so that a repeat after a crash is
 * the same message to relays and mailboxes (RL-02), and nobody can tell the challenge from it.
 */
import type { AppId, ChallengeId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';

export interface MessageIdInput {
  readonly app: AppId;
  readonly challenge: ChallengeId;
  /** 1 for the first mail of a challenge. */
  readonly send: number;
  /** Address of the sender; its domain is the right-hand side (RFC 5322 §3.6.4). */
  readonly from: string;
  /** Key version that stands on the challenge row: changing the master secret changes no mail in flight. */
  readonly keyVersion?: string;
}

/** With angle brackets, at most 300 characters. */
export function messageIdFor(keyring: Keyring, input: MessageIdInput): string {
  const { app, challenge, send, from, keyVersion } = input;
  const fields = [challenge, String(send)];
  const left = keyring.mac(app, 'message-id', fields, keyVersion ?? keyring.current).toString('base64url');
  return `<${left}@${from.slice(from.lastIndexOf('@') + 1)}>`;
}
