/** What is wrong with a template, for whoever wrote it: where, why, and how to mend it. */
export type Part = 'subject' | 'text' | 'html';
export const PARTS = ['subject', 'text', 'html'] as const satisfies readonly Part[];

export interface Finding {
  /** `refused` is never saved nor sent; a `warning` is. */
  readonly severity: 'refused' | 'warning';
  readonly part: Part;
  /** From 1, in the source of the part. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;
  readonly mend: string;
}

export const describeFinding = ({ severity, part, line, column, reason, mend }: Finding): string =>
  `${part}:${line}:${column}: ${severity}: ${reason}; ${mend}`;

export const isRefused = ({ severity }: Finding): boolean => severity === 'refused';

/** A place in a source, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** How a check reports; `warning` only where it says so. */
export type Complain = (place: Place, reason: string, mend: string, severity?: Finding['severity']) => void;
