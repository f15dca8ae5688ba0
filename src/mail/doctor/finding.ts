/** What the doctor tells of one thing it looked at: how it is, why that matters, and what to do about it. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  /** Stays the same from release to release, such as `spf.lookups`. */
  readonly check: string;
  readonly what: string;
  readonly why?: string;
  /** The exact record to add or key to change, where it can be told. */
  readonly mend?: string;
}

export const ok = (check: string, what: string): Finding => ({ level: 'ok', check, what });

export const warn = (check: string, what: string, why: string, mend: string): Finding => ({
  level: 'warn',
  check,
  what,
  why,
  mend,
});

export const fail = (check: string, what: string, why: string, mend: string): Finding => ({
  level: 'fail',
  check,
  what,
  why,
  mend,
});
