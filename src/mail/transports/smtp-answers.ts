/**
 * What a mail server's answer means for fail-over. The server's words are dropped: they quote addresses. A time-out after
 * DATA is deferred like any other, for the mail may or may not have gone out: at least once (RL-02).
 */
import type { Delivery, Scope } from '../transport.ts';

/** Answers to these commands are about this mail; a 5xx to any other is about us or the server, and may pass. */
const ABOUT_THE_MAIL = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/** The queue id by which later reports name the mail, where the server told one in a known form. */
export function queueIdOf(response: string): { providerId?: string } {
  const id = /\b(?:queued as|Ok:?) <?([A-Za-z0-9][\w.@-]{5,120})>?\s*$/i.exec(response)?.[1];
  return id === undefined ? {} : { providerId: id };
}

/** ML-60: the library would talk to somebody else than it was told. */
export class EnvelopeMismatch extends Error {
  constructor() {
    super('the compiled envelope differs from the one given');
    this.name = 'EnvelopeMismatch';
  }
}

/** @param thrown by the library */
export function deliveryOf(thrown: unknown): Delivery {
  if (thrown instanceof EnvelopeMismatch) {
    return { outcome: 'refused', reason: 'envelope mismatch', scope: 'message' };
  }
  const { code, responseCode, response, command } = answerOf(thrown);
  if (responseCode === undefined) {
    return { outcome: 'deferred', reason: code ?? 'no answer', scope: 'transport' };
  }
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
  const reason = [String(responseCode), enhanced, command].filter((part) => part !== undefined).join(' ');
  const scope = scopeOf(responseCode, enhanced ?? '', command ?? '');
  const isFinal = responseCode >= 500 && responseCode < 600 && /^(MAIL|RCPT|DATA|AUTH)/.test(command ?? '');
  if (isFinal) return { outcome: 'refused', reason, scope };
  return { outcome: 'deferred', reason, scope: scope === 'recipient' ? 'recipient' : 'transport' };
}

/**
 * The enhanced code is the more exact one (RFC 3463 §3): x.1 and x.2 are the mailbox, x.3 the server, 5.6 and 5.7 content and
 * policy. Without it the command says what the answer is about. A 5.7 to RCPT is a relay that does not carry our mail or
 * has us on a list; a 4.7 there is a greylist, which every other transport would meet too.
 */
function scopeOf(responseCode: number, enhanced: string, command: string): Scope {
  if (!ABOUT_THE_MAIL.has(command) || command === 'MAIL FROM' || responseCode === 421) return 'transport';
  const isTooBig = enhanced === '5.3.4';
  if (/^[45]\.3\./.test(enhanced) && !isTooBig) return 'transport';
  if (/^([45]\.[12]|4\.7)\./.test(enhanced)) return 'recipient';
  if (command === 'RCPT TO') return enhanced.startsWith('5.7.') ? 'transport' : 'recipient';
  return responseCode >= 500 ? 'message' : 'transport';
}

function answerOf(thrown: unknown): {
  code?: string;
  responseCode?: number;
  response?: string;
  command?: string;
} {
  if (typeof thrown !== 'object' || thrown === null) return {};
  const fields = thrown as Record<string, unknown>; // of an unknown object every property may be asked for
  const { code, responseCode, response, command } = fields;
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof responseCode === 'number' ? { responseCode } : {}),
    ...(typeof response === 'string' ? { response } : {}),
    ...(typeof command === 'string' ? { command } : {}),
  };
}
