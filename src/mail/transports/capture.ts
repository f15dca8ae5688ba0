/**
 * The development inbox: mails are caught instead of sent. They hold live links and codes, so they stay in memory; where
 * several workers answer, each reads what the others caught from a shelf that keeps them sealed. The pages over it stand
 * in `http/dev`.
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

/** Where workers put what they caught for each other. */
export interface MailShelf {
  put(id: string, text: string): Promise<void>;
  all(): Promise<readonly string[]>;
  remove(id: string): Promise<void>;
}

export interface CaptureTransport extends Transport {
  /** Takes over what other workers caught or cleared; call it before looking. */
  refresh(): Promise<void>;
  /** Newest first. */
  list(): readonly CapturedMail[];
  find(id: string): CapturedMail | undefined;
  /** All, or those named; ids that are gone are passed over. */
  clear(ids?: readonly string[]): Promise<void>;
}

export function createCaptureTransport(options: {
  readonly clock: Clock;
  readonly shelf?: MailShelf | undefined;
}): CaptureTransport {
  const { clock, shelf } = options;
  let mails: readonly CapturedMail[] = [];
  return {
    name: 'capture',
    delivers: 'mailbox',
    async send(mail) {
      // A repeat after a crash has the Message-ID of the first and would be merged by many mailboxes too, but here
      // both are shown: hiding it would hide a defect from whoever develops.
      const caught = { id: randomToken(), capturedAt: clock.now(), mail };
      mails = [caught, ...mails].slice(0, MAX_MAILS);
      await shelf?.put(caught.id, JSON.stringify(caught));
      return { outcome: 'accepted' };
    },
    async close() {
      mails = [];
    },
    async refresh() {
      if (!shelf) return;
      const all = (await shelf.all()).map(revived);
      mails = all.sort((a, b) => b.capturedAt - a.capturedAt).slice(0, MAX_MAILS);
    },
    list: () => mails,
    find: (id) => mails.find((caught) => caught.id === id),
    async clear(ids) {
      const gone = mails.filter((caught) => ids === undefined || ids.includes(caught.id));
      mails = mails.filter((caught) => !gone.includes(caught));
      await Promise.all(gone.map(({ id }) => shelf?.remove(id)));
    },
  };
}

/** As `send` wrote it; JSON has no dates. */
function revived(text: string): CapturedMail {
  const caught = JSON.parse(text) as CapturedMail;
  return { ...caught, mail: { ...caught.mail, date: new Date(caught.mail.date) } };
}
