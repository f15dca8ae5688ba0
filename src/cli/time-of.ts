/** A point in time as it is typed: ISO 8601, or how long ago. */
import { durationMs } from '../config/fields.ts';
import type { Clock } from '../core/clock.ts';

/** ms; undefined for what is neither. */
export function timeOf(written: string, clock: Clock): number | undefined {
  const ago = durationMs(written);
  const time = Number.isNaN(ago) ? Date.parse(written) : clock.now() - ago;
  return Number.isNaN(time) ? undefined : Math.max(0, time);
}
