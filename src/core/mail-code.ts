/** The code of a mail, as people type it. */

export const CODE_DIGITS = 8;

const FORM = new RegExp(`^\\d{${CODE_DIGITS}}$`);

/** Digits as typed or pasted ("1234 5678", "1234-5678"); undefined when there are not exactly eight. */
export function readCode(typed: unknown): string | undefined {
  if (typeof typed !== 'string' || typed.length > 40) return undefined;
  // NFKC: keyboards of some languages type full-width digits.
  const digits = typed.normalize('NFKC').replace(/[\s\u00ad\u2010-\u2015-]/g, '');
  return FORM.test(digits) ? digits : undefined;
}
