/**
 * Caught mails in the words of Mailpit's API, so that test suites written for it find their mail here. Fields that cannot
 * occur (copies, attachments, tags) are there and empty, because clients iterate over them.
 */
import type { CapturedMail } from '../../mail/transports/capture.ts';

interface Address {
  readonly Name: string;
  readonly Address: string;
}

export interface MessageSummary {
  readonly ID: string;
  readonly MessageID: string;
  /** Always false: reading changes nothing here. */
  readonly Read: boolean;
  readonly From: Address;
  readonly To: readonly Address[];
  readonly Cc: readonly Address[];
  readonly Bcc: readonly Address[];
  readonly ReplyTo: readonly Address[];
  readonly Subject: string;
  /** ISO 8601 */
  readonly Created: string;
  readonly Username: string;
  readonly Tags: readonly string[];
  readonly Size: number;
  readonly Attachments: number;
  /** Beginning of the text part, at most 250 characters. */
  readonly Snippet: string;
}

export interface MessageList {
  readonly total: number;
  readonly unread: number;
  readonly count: number;
  readonly messages_count: number;
  readonly messages_unread: number;
  readonly start: number;
  readonly tags: readonly string[];
  readonly messages: readonly MessageSummary[];
}

const SNIPPET = 250;

/** @param total of the whole inbox; `found` may be a search's part of it. */
export function messageList(
  found: readonly CapturedMail[],
  total: number,
  { start, limit }: { readonly start: number; readonly limit: number },
): MessageList {
  const messages = found.slice(start, start + limit).map(summaryOf);
  return {
    total,
    unread: total,
    count: messages.length,
    messages_count: found.length,
    messages_unread: found.length,
    start,
    tags: [],
    messages,
  };
}

/** One message with both parts; field names as Mailpit's `Message`. */
export function messageDetail(caught: CapturedMail) {
  const { ID, MessageID, From, To, Cc, Bcc, ReplyTo, Subject, Username, Tags, Size } = summaryOf(caught);
  const { mail } = caught;
  return {
    ...{ ID, MessageID, From, To, Cc, Bcc, ReplyTo, Subject, Username, Tags, Size },
    ReturnPath: mail.from.address,
    ListUnsubscribe: { Header: '', Links: [], Errors: '', HeaderPost: '' },
    Date: mail.date.toISOString(),
    Text: mail.text,
    HTML: mail.html,
    Inline: [],
    Attachments: [],
  };
}

export function summaryOf({ id, capturedAt, mail }: CapturedMail): MessageSummary {
  return {
    ID: id,
    MessageID: mail.messageId.replace(/^<|>$/g, ''),
    Read: false,
    From: { Name: mail.from.name, Address: mail.from.address },
    To: [{ Name: '', Address: mail.to }],
    Cc: [],
    Bcc: [],
    ReplyTo: [],
    Subject: mail.subject,
    Created: new Date(capturedAt).toISOString(),
    Username: '',
    Tags: [],
    Size: Buffer.byteLength(mail.text) + Buffer.byteLength(mail.html),
    Attachments: 0,
    Snippet: mail.text.replace(/\s+/g, ' ').trim().slice(0, SNIPPET),
  };
}

/**
 * Mailpit's search, as far as these mails have what it looks for: words and "quoted words", each of which must occur,
 * `to:`, `from:`, `addressed:`, `subject:` and `message-id:`, and `-` or `!` before a term to exclude it.
 */
export function searchMails(mails: readonly CapturedMail[], query: string): readonly CapturedMail[] {
  const terms = [...query.toLowerCase().matchAll(TERM)].map(termOf);
  return mails.filter((caught) =>
    terms.every((term) => fieldOf(caught, term.field).includes(term.text) !== term.isNot),
  );
}

const TERM = /([-!]?)(?:(to|from|addressed|subject|message-id):)?(?:"([^"]*)"|(\S+))/g;

function termOf([, not, field, quoted, plain]: RegExpMatchArray) {
  return { isNot: not !== '', field: field ?? '', text: quoted ?? plain ?? '' };
}

function fieldOf({ mail }: CapturedMail, field: string): string {
  const from = `${mail.from.name} ${mail.from.address}`;
  const fields: Readonly<Record<string, string>> = {
    to: mail.to,
    from,
    addressed: `${mail.to} ${from}`,
    subject: mail.subject,
    'message-id': mail.messageId,
  };
  return (fields[field] ?? `${mail.to} ${from} ${mail.subject} ${mail.text}`).toLowerCase();
}
