/**
 * A sealed artifact under a newer master secret: the new text stands in a mark beside the old one and says which text it
 * stands for. A save that comes in between is sealed anew by itself, and the mark then counts for nothing.
 */
import type { Artifact } from '../store/port.ts';

export const resealMark = (version: string): string => `resealed_${version}`;

/** Which master secret a sealed text names. */
export const sealVersion = (sealed: string): string => sealed.slice(0, Math.max(0, sealed.indexOf('.')));

/** The text to open: the newest that one of these masters can. Undefined when none of them can. */
export function openableText({ data, marks }: Artifact, versions: readonly string[]): string | undefined {
  const { sealed } = data;
  if (typeof sealed !== 'string') return undefined;
  if (versions.includes(sealVersion(sealed))) return sealed;
  for (const version of versions) {
    const mark = marks[resealMark(version)];
    if (mark?.of === sealed && typeof mark.sealed === 'string') return mark.sealed;
  }
  return undefined;
}
