/**
 * The development inbox: mails are caught instead of sent, in memory only, because they hold live links and codes and
 * secrets are never stored readable. The pages over it stand in `http/dev`.
 */
import type { Clock } from '../../core/clock.ts';
import { randomToken } from '../../core/random.ts';
import type { OutgoingMail, Transport } from '../transport.ts';

const MAX_MAILS = 200;

export interface CapturedMail {
  /** Random; only names the mail in the inbox. */
  readonly id: string;
  /** ms */
  readonly capturedAt: number;
  readonly mail: OutgoingMail;
}

export interface CaptureTransport extends Transport {
  /** Newest first. */
  list(): readonly CapturedMail[];
  find(id: string): CapturedMail | undefined;
  /** All, or those named; ids that are gone are passed over. */
  clear(ids?: readonly string[]): void;
}

export function createCaptureTransport({ clock }: { readonly clock: Clock }): CaptureTransport {
  let mails: readonly CapturedMail[] = [];
  return {
    name: 'capture',
    async send(mail) {
      // A repeat after a crash has the Message-ID of the first and would be merged by many mailboxes too, but here
      // both are shown: hiding it would hide a defect from whoever develops.
      const caught = { id: randomToken(), capturedAt: clock.now(), mail };
      mails = [caught, ...mails].slice(0, MAX_MAILS);
      return { outcome: 'accepted' };
    },
    async close() {
      mails = [];
    },
    list: () => mails,
    find: (id) => mails.find((caught) => caught.id === id),
    clear(ids) {
      mails = ids === undefined ? [] : mails.filter((caught) => !ids.includes(caught.id));
    },
  };
}
