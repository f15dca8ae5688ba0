/**
 * Which strings are addresses, and when two of them are the same mailbox or the same person.
 *
 * Order matters (ML-63): normalise first, then validate, then never transform again; what is stored is byte for byte
 * what is mailed. The grammar is the unquoted addr-spec of RFC 5321 §4.1.2 with RFC 6531 left out of the local part:
 * quoted strings, comments, source routes, address literals and lists are refused, because mail libraries read them
 * differently from one another (ML-60 to ML-62).
 */
import { domainToASCII } from 'node:url';

export interface EmailAddress {
  /** What is stored and mailed: local part as typed, domain in lower-case A-labels. */
  readonly address: string;
  /** Equal for two spellings of the same user (ML-64): local part in lower case, plus-tags and dots kept (ML-67). */
  readonly key: string;
  /** Equal for what probably is one mailbox: plus-tag stripped, Gmail dots removed. For limits only (ML-52). */
  readonly mailbox: string;
  readonly domain: string;
}

const MAX_ADDRESS = 254;
const MAX_LOCAL = 64;
/** RFC 5321 dot-string of RFC 5322 atext. ASCII only: no Unicode case trap can arise (ML-65). */
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/;
/** A percent sign in a local part is a source route to some relays (ML-61). */
const ROUTED = /[%!]/;
const DOTLESS_DOMAINS = new Set(['gmail.com', 'googlemail.com']);

/** Reads one address as a person typed it; undefined for anything that is not exactly one plain address. */
export function parseEmailAddress(input: unknown): EmailAddress | undefined {
  if (typeof input !== 'string' || input.length > MAX_ADDRESS + 64) return undefined;
  // Leading and trailing blanks come from autofill and paste; anything inside is refused below.
  const text = input.replace(/^[ \t]+|[ \t]+$/g, '').normalize('NFC');
  const at = text.indexOf('@');
  if (at < 1 || at !== text.lastIndexOf('@')) return undefined;
  const local = text.slice(0, at);
  if (local.length > MAX_LOCAL || !LOCAL.test(local) || ROUTED.test(local)) return undefined;
  const domain = asciiDomain(text.slice(at + 1));
  if (domain === undefined) return undefined;
  const address = `${local}@${domain}`;
  if (address.length > MAX_ADDRESS) return undefined;
  const lowered = local.toLowerCase();
  return { address, domain, key: `${lowered}@${domain}`, mailbox: mailboxOf(lowered, domain) };
}

/** Lower-case A-labels, or undefined. UTS 46 mapping would turn U+3002 or full-width letters into others: refused (ML-63). */
function asciiDomain(typed: string): string | undefined {
  if (typed.length === 0 || typed.length > 253) return undefined;
  const isAscii = /^[\x21-\x7e]+$/.test(typed);
  const ascii = isAscii ? typed.toLowerCase() : unicodeDomain(typed);
  return ascii !== undefined && DOMAIN.test(ascii) ? ascii : undefined;
}

function unicodeDomain(typed: string): string | undefined {
  if (typed !== typed.normalize('NFKC') || /[^\p{L}\p{M}\p{N}.-]/u.test(typed)) return undefined;
  const ascii = domainToASCII(typed);
  return ascii === '' ? undefined : ascii;
}

function mailboxOf(local: string, domain: string): string {
  const plus = local.indexOf('+');
  const bare = plus > 0 ? local.slice(0, plus) : local;
  return DOTLESS_DOMAINS.has(domain) ? `${bare.replaceAll('.', '')}@gmail.com` : `${bare}@${domain}`;
}
