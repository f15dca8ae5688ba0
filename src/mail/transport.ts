/** What carries a mail out of the house. One file per transport in `transports/`. */
import type { AppId } from '../core/ids.ts';

export interface OutgoingMail {
  readonly app: AppId;
  /** `From` header, and envelope sender unless there is another. */
  readonly from: { readonly name: string; readonly address: string };
  /** Envelope sender, for what can set one: where a bounce of this mail comes back to. */
  readonly returnPath?: string | undefined;
  /** Exactly one recipient, the stored address byte for byte (ML-60, ML-63). */
  readonly to: string;
  /** With angle brackets; equal for every delivery attempt of one send. */
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly date: Date;
}

/**
 * What an answer is about. `recipient`: this mailbox, where no other transport helps. `message`: this mail, whatever
 * carries it. `transport`: the provider, the way to it or our account there: the next transport is worth trying.
 */
export type Scope = 'recipient' | 'message' | 'transport';

/**
 * `refused` stays so for this mail and this transport; with the scope `transport` only until somebody mends our account
 * there (credentials, an unverified sender), so it is no bounce. `deferred` may be tried again (4xx, no connection, time-out).
 * `reason` is for the log and the status: codes and fixed words, never an address nor what the other side wrote freely.
 */
export type Delivery =
  | {
      readonly outcome: 'accepted';
      /** What the provider calls the mail, by which its reports are joined to it. */
      readonly providerId?: string;
    }
  | { readonly outcome: 'refused'; readonly reason: string; readonly scope: Scope }
  | {
      readonly outcome: 'deferred';
      readonly reason: string;
      readonly scope: Exclude<Scope, 'message'>;
      /** As the other side asked, from now. */
      readonly retryAfterMs?: number;
    };

export interface Transport {
  /** Of the transport in the app's configuration; the type, unless it was given another. */
  readonly name: string;
  /**
   * `mailbox`: what it takes lies in the mailbox. Else it hands over to a relay or provider, whose reports name the mail by
   * our Message-ID (`message-id`) or, unless told, by the provider's own id.
   */
  readonly delivers?: 'mailbox' | 'message-id';
  /**
   * Never throws for what a mail server answers; a throw is a fault of ours and counts as deferred. An aborted `signal`
   * ends the attempt, which may or may not have reached the other side.
   */
  send(mail: OutgoingMail, signal?: AbortSignal): Promise<Delivery>;
  close(): Promise<void>;
}
