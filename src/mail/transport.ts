/** What carries a mail out of the house. One file per transport in `transports/`. */
import type { AppId } from '../core/ids.ts';

export interface OutgoingMail {
  readonly app: AppId;
  /** `From` header and envelope sender. */
  readonly from: { readonly name: string; readonly address: string };
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

/** `refused` is final (5xx), `deferred` may be tried again (4xx, no connection, time-out). `reason` is for the log and the status page. */
export type Delivery =
  | { readonly outcome: 'accepted' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'deferred'; readonly reason: string };

export interface Transport {
  readonly name: string;
  /** Never throws for what a mail server answers; a throw is a fault of ours and counts as deferred. */
  send(mail: OutgoingMail): Promise<Delivery>;
  close(): Promise<void>;
}
