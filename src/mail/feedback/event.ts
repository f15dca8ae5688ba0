/** What a provider or another mail server tells of a mail after it has left the house, in one form for all of them. */

/**
 * `deferred`: is being tried again. `soft_bounce`: this mail was given up, the mailbox may take the next one. `hard_bounce`:
 * there is no such mailbox. `suppressed`: the provider did not send it, by a list of its own. `rejected`: given up for
 * what the mail or its sender is, which says nothing of the mailbox.
 */
export type FeedbackKind =
  | 'delivered'
  | 'deferred'
  | 'soft_bounce'
  | 'hard_bounce'
  | 'complained'
  | 'suppressed'
  | 'rejected';

export interface FeedbackEvent {
  readonly kind: FeedbackKind;
  /** What the provider calls the mail; where it has several names for it, all of them. */
  readonly providerIds: readonly string[];
  /** With angle brackets. */
  readonly messageId?: string | undefined;
  /** As the other side writes it; compared with the recipient of that mail, never trusted by itself. */
  readonly recipient?: string | undefined;
  /** ms */
  readonly at?: number | undefined;
  /** Codes and fixed words: what others write freely quotes addresses. */
  readonly reason?: string | undefined;
}

/** A request as it came in. Names of headers in lower case. */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** ms */
  readonly now: number;
}

export type Reading =
  /** Not from whom it says: 401 and no word more. `why` is for the log. */
  | { readonly outcome: 'refused'; readonly why: string }
  /** Genuine, and yet not what was published. */
  | { readonly outcome: 'malformed'; readonly why: string }
  /** `once` names this message among all of its sender for as long as it could be sent again. */
  | {
      readonly outcome: 'events';
      readonly events: readonly FeedbackEvent[];
      readonly once?: { readonly id: string; readonly until: number };
    }
  /** The sender wants to be called back before it sends anything. */
  | { readonly outcome: 'confirm'; readonly url: string };

export type Refused = Extract<Reading, { outcome: 'refused' }>;

export const refused = (why: string): Refused => ({ outcome: 'refused', why });
export const malformed = (why: string): Reading => ({ outcome: 'malformed', why });

/** The header, when it was sent exactly once. */
export function headerOf({ headers }: WebhookRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Reply code and enhanced status (RFC 3463) of an answer, and nothing else of it: the rest quotes addresses. */
export function codesIn(text: string | number | undefined): string | undefined {
  const written = String(text ?? '').slice(0, 2000);
  const reply = /(?:^|[^\d.])([245]\d\d)(?:[ -]|$)/.exec(written)?.[1];
  const enhanced = /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(written)?.[1];
  const codes = [reply, enhanced].filter((code) => code !== undefined).join(' ');
  return codes === '' ? undefined : codes;
}

/** A word from a provider's own list, kept only when it looks like one. */
export const wordOf = (text: string | undefined): string | undefined =>
  text !== undefined && /^[A-Za-z][A-Za-z0-9 _/-]{0,40}$/.test(text) ? text : undefined;

export const reasonOf = (...parts: readonly (string | undefined)[]): string | undefined =>
  parts.filter((part) => part !== undefined).join(' ') || undefined;

/** Of a time in ISO 8601 or RFC 5322; undefined when it is none. */
export function timeOf(written: string | undefined): number | undefined {
  const at = Date.parse(written ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** With angle brackets, whether they were sent or not. */
export function bracketed(id: string | undefined): string | undefined {
  const bare = id?.trim().replace(/^<|>$/g, '');
  return bare === undefined || bare === '' || bare.length > 300 ? undefined : `<${bare}>`;
}
