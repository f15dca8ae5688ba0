/** Ids of audit events: 48-bit milliseconds and 80 more bits in 32 hex digits, so that byte order is time order. */
import { hash } from 'node:crypto';
import { frame } from '../lib/frame.ts';
import { randomBuffer } from './random.ts';

const TIME_DIGITS = 12;
const REST_BYTES = 10;

export const newEventId = (at: number): string =>
  `${timePrefix(at)}${randomBuffer(REST_BYTES).toString('hex')}`;

/** The same id for the same act, whoever records it and however often: after a crash or a repeat it stands once. */
export const eventIdOf = (at: number, ...act: readonly string[]): string =>
  `${timePrefix(at)}${hash('sha256', frame(...act), 'hex').slice(0, REST_BYTES * 2)}`;

/** Sorts before all ids of its millisecond. */
export const timePrefix = (at: number): string =>
  Math.max(0, Math.min(at, 2 ** 48 - 1))
    .toString(16)
    .padStart(TIME_DIGITS, '0');
