/**
 * Bounces and complaints that come as mail: delivery status notifications (RFC 3464 in a multipart/report of RFC 6522, or
 * RFC 3462 before it), feedback reports (RFC 5965), the bounces of qmail (QSBMF, https://cr.yp.to/proto/qsbmf.txt) and of
 * Exim before 4.85, which are plain text. MIME is read by a library; what the parts say is read here.
 *
 * Anybody can send such a mail. This only says what one claims: `feedback.ts` believes none of it that does not name a
 * Message-ID of ours or the return path of one of our mails, which nobody can guess, and that mail's recipient.
 */
import PostalMime, { type Attachment, type Email } from 'postal-mime';
import { parseEmailAddress } from '../../core/email-address.ts';
import { bracketed, codesIn, type FeedbackEvent, type FeedbackKind, reasonOf } from './event.ts';
import { kindOfFailure, tellingStatus } from './status-code.ts';

export interface Report {
  /** Each for every address that it may be about; `feedback.ts` knows which one was written to. */
  readonly events: readonly FeedbackEvent[];
  /** Addresses that the report was sent to: one may be the return path of a mail of ours. */
  readonly sentTo: readonly string[];
}

/** A real one names one recipient of ours and quotes one mail. */
const MAX_RECIPIENTS = 20;
const MAX_TEXT = 64 * 1024;

/** Undefined for what is no report on a mail: an answer of a person, an out-of-office, a receipt (RFC 8098). */
export async function readReport(raw: Buffer): Promise<Report | undefined> {
  const mail = await parsed(raw);
  if (!mail) return undefined;
  const events = isoReport(mail) ?? feedbackReport(mail) ?? qmailBounce(mail) ?? eximBounce(mail);
  return events && { events: dated(events.slice(0, 3 * MAX_RECIPIENTS), mail), sentTo: sentTo(mail) };
}

async function parsed(raw: Buffer): Promise<Email | undefined> {
  try {
    return await PostalMime.parse(raw, {
      // The mail that came back is data, and may hold anything.
      forceRfc822Attachments: true,
      attachmentEncoding: 'utf8',
      maxNestingDepth: 20,
      maxHeadersSize: 256 * 1024,
    });
  } catch {
    return undefined;
  }
}

const headerOf = (mail: Email, name: string): string | undefined =>
  mail.headers.find(({ key }) => key === name)?.value;

function sentTo(mail: Email): readonly string[] {
  const names = ['to', 'delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to'];
  const values = mail.headers.filter(({ key }) => names.includes(key)).map(({ value }) => value);
  return values.flatMap((value) => value.match(/[^\s<>,;:"]+@[^\s<>,;:"]+/g) ?? []).slice(0, MAX_RECIPIENTS);
}

const dated = (events: readonly FeedbackEvent[], mail: Email): readonly FeedbackEvent[] => {
  const at = Date.parse(headerOf(mail, 'date') ?? '');
  return events.map((event) => ({ ...event, at: Number.isNaN(at) ? undefined : at }));
};

// RFC 3464

type Fields = ReadonlyMap<string, string>;

function isoReport(mail: Email): readonly FeedbackEvent[] | undefined {
  const status = mail.attachments.find(({ mimeType }) =>
    /^message\/(?:global-)?delivery-status$/.test(mimeType),
  );
  if (!status) return undefined;
  const original = originalOf(mail.attachments);
  // The first group is about the message, each further one about a recipient; some leave the empty line out.
  const groups = groupsOf(textOf(status));
  const recipients = groups.filter(
    (group) => group.has('final-recipient') || group.has('original-recipient'),
  );
  return recipients.slice(0, MAX_RECIPIENTS).flatMap((group) => eventsOf(group, original));
}

function eventsOf(group: Fields, original: Original): readonly FeedbackEvent[] {
  const diagnostic = group.get('diagnostic-code') ?? '';
  const status = tellingStatus(group.get('status'), diagnostic);
  const kind = kindOf(group.get('action') ?? '', status, diagnostic);
  if (!kind) return [];
  const named = [group.get('original-recipient'), group.get('final-recipient')].flatMap(addressIn);
  const reason = reasonOf(status, codesIn(diagnostic.replace(/^[\w-]+;/, ' '))?.split(' ')[0]);
  return toEach(named.length > 0 ? named : original.to, { kind, reason, messageId: original.messageId });
}

function kindOf(action: string, status: string | undefined, diagnostic: string): FeedbackKind | undefined {
  // `relayed` and `expanded` (RFC 3464 §2.3.3) only say that nobody will tell what comes after.
  switch (/^[a-z]+/i.exec(action.trim())?.[0].toLowerCase()) {
    case 'failed':
      return kindOfFailure(status, diagnostic);
    case 'delayed':
      return 'deferred';
    case 'delivered':
      return 'delivered';
    default:
      return undefined;
  }
}

// RFC 5965

function feedbackReport(mail: Email): readonly FeedbackEvent[] | undefined {
  const report = mail.attachments.find(({ mimeType }) => mimeType === 'message/feedback-report');
  if (!report) return undefined;
  const [fields] = groupsOf(textOf(report));
  if (fields?.get('feedback-type')?.trim().toLowerCase() !== 'abuse') return [];
  const original = originalOf(mail.attachments);
  const named = addressIn(fields.get('original-rcpt-to'));
  return toEach(named.length > 0 ? named : original.to, {
    kind: 'complained',
    reason: 'abuse',
    messageId: original.messageId,
  });
}

// Plain text

/** QSBMF: paragraphs of `<address>:` and the reason, up to the copy of the message. */
function qmailBounce(mail: Email): readonly FeedbackEvent[] | undefined {
  const text = (mail.text ?? '').slice(0, MAX_TEXT).replaceAll('\r\n', '\n');
  if (!/^Hi\. This is the\b/.test(text.trimStart())) return undefined;
  const [notice = '', copy = ''] = text.split(/^--- Below this line is a copy of the message\.\s*$/m, 2);
  const { messageId } = headersOf(copy.trimStart());
  return notice
    .split(/\n{2,}/)
    .slice(1, MAX_RECIPIENTS)
    .flatMap((paragraph) => {
      const [, address, why = ''] = /^<([^<>\s]+)>:\s*([\s\S]*)$/.exec(paragraph.trim()) ?? [];
      if (address === undefined) return [];
      // "(#5.1.1)" is how qmail writes a status.
      const status = tellingStatus(/\(#([45]\.\d+\.\d+)\)/.exec(why)?.[1], why);
      return toEach([address], { kind: kindOfFailure(status, why), reason: status, messageId });
    });
}

/** `X-Failed-Recipients`, the answers of the servers in words, and a copy behind a line of dashes. */
function eximBounce(mail: Email): readonly FeedbackEvent[] | undefined {
  const failed = headerOf(mail, 'x-failed-recipients');
  if (failed === undefined) return undefined;
  const text = (mail.text ?? '').slice(0, MAX_TEXT).replaceAll('\r\n', '\n');
  const [notice = '', copy = ''] = text.split(/^-{3,}.*copy of (?:the|your) message.*-{3,}\s*$/im, 2);
  const { messageId } = headersOf(copy.trimStart());
  const status = tellingStatus(undefined, notice) ?? codesIn(notice);
  const isUnknown = /unrouteable address|unknown user|user unknown|no such user/i.test(notice);
  const kind = isUnknown
    ? 'hard_bounce'
    : kindOfFailure(/\./.test(status ?? '') ? status : undefined, notice);
  return toEach(addressIn(failed), { kind, reason: status, messageId });
}

// What they share

interface Original {
  readonly messageId: string | undefined;
  readonly to: readonly string[];
}

/** The mail that came back, whole or its head. */
function originalOf(attachments: readonly Attachment[]): Original {
  const part = attachments.find(({ mimeType }) =>
    /^(?:message\/(?:rfc822|global|rfc822-headers|global-headers)|text\/rfc822-headers)$/.test(mimeType),
  );
  return part ? headersOf(textOf(part)) : { messageId: undefined, to: [] };
}

function headersOf(text: string): Original {
  const [fields] = groupsOf(text.slice(0, MAX_TEXT));
  return {
    messageId: bracketed(/<[^<>\s]+>/.exec(fields?.get('message-id') ?? '')?.[0]),
    to: addressIn(fields?.get('to')),
  };
}

function textOf({ content }: Attachment): string {
  const text = typeof content === 'string' ? content : Buffer.from(new Uint8Array(content)).toString('utf8');
  return text.slice(0, MAX_TEXT);
}

/** Groups of fields with empty lines between them; folded lines are put together, the first of a name counts. */
function groupsOf(text: string): readonly Fields[] {
  return text
    .replaceAll('\r\n', '\n')
    .split(/\n[ \t]*\n/)
    .map((group) => {
      const fields = new Map<string, string>();
      for (const line of group.replace(/\n[ \t]+/g, ' ').split('\n')) {
        const [, name, value] = /^([A-Za-z][A-Za-z0-9-]{0,60}):[ \t]*(.*)$/.exec(line) ?? [];
        if (name !== undefined && value !== undefined && !fields.has(name.toLowerCase()))
          fields.set(name.toLowerCase(), value);
      }
      return fields;
    });
}

/** `rfc822; a@x.org`, `<a@x.org>` or `A <a@x.org>, b@x.org`, xtext undone (RFC 3461 §4). */
function addressIn(written: string | undefined): readonly string[] {
  const text = (written ?? '').slice(0, 4000).replace(/^\s*(?:rfc822|utf-8|x400|smtp)\s*;/i, '');
  const found = text.match(/[^\s<>,;:"()[\]]+@[^\s<>,;:"()[\]]+/g) ?? [];
  const undone = found.flatMap((one) => [
    one,
    one.replace(/\+([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
  ]);
  return [...new Set(undone)].filter((one) => parseEmailAddress(one) !== undefined).slice(0, MAX_RECIPIENTS);
}

const toEach = (
  addresses: readonly string[],
  event: Pick<FeedbackEvent, 'kind' | 'reason' | 'messageId'>,
): readonly FeedbackEvent[] => addresses.map((recipient) => ({ ...event, recipient, providerIds: [] }));
