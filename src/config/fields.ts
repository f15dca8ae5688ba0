/** The kinds of value that several parts of the configuration file share. */
import { z } from 'zod';
import { parseEmailAddress } from '../core/email-address.ts';

/** Durations are written as `30s`, `10m`, `12h`, `30d`; they are read into milliseconds. */
const DURATION = /^(\d{1,6})(s|m|h|d)$/;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function durationMs(written: string): number {
  const [, amount, unit] = DURATION.exec(written) ?? [];
  // The expression admits exactly these units.
  return Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

export function duration(bounds: { min: string; max: string; fallback: string }) {
  const [min, max] = [durationMs(bounds.min), durationMs(bounds.max)];
  return z
    .string()
    .regex(DURATION, 'write a duration as a number and s, m, h or d, such as 10m')
    .refine((written) => !DURATION.test(written) || isWithin(durationMs(written), min, max), {
      message: `must be between ${bounds.min} and ${bounds.max}`,
    })
    .meta({ 'x-bounds': `${bounds.min} to ${bounds.max}` })
    .default(bounds.fallback)
    .transform(durationMs);
}

const isWithin = (value: number, min: number, max: number): boolean => value >= min && value <= max;

/** One line of text for people; control and line-separating characters never reach a page or a mail header (ML-61). */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'no control characters');

export const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'a colour as #rrggbb');

/** A URL of one of these schemes, without credentials in it. The file may write `{BASE_URL}` in front: see `config-file.ts`. */
export const urlOf = (schemes: readonly string[], message: string) =>
  z
    .string()
    .max(2000)
    .refine((written) => {
      const url = URL.parse(written);
      return url !== null && schemes.includes(url.protocol) && url.username === '' && url.password === '';
    }, message);

export const webUrl = () => urlOf(['https:', 'http:'], 'must be an https:// URL without credentials');

/** A server of ours to send through; credentials belong here. */
export const isSmtpUrl = (written: string): boolean => {
  const url = URL.parse(written);
  return url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== '' && /^\/?$/.test(url.pathname);
};
export const SMTP_FORM =
  'must be smtp://user:password@host:587 or smtps://… (percent-encode special characters)';

/** Compared with the domains of parsed addresses, hence in their form: lower case, A-labels (ML-64). */
export const domain = z
  .string()
  .toLowerCase()
  .refine((name) => parseEmailAddress(`a@${name}`)?.domain === name, {
    message: 'must be a domain such as example.com (international names as xn--…)',
  });

/** How a value that should not stand in a file kept in git is written instead. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: shown to the reader as it is to be written
export const FROM_ENVIRONMENT = '`${NAME}` to take it from that environment variable';

/** `Name <address>` or an address alone. */
export function isMailbox(written: string): boolean {
  const bracketed = /^[^<>]*<([^<>]+)>$/.exec(written);
  return parseEmailAddress(bracketed?.[1] ?? written) !== undefined;
}
