/** What the contract's parts share. */
import { randomBytes } from 'node:crypto';
import { type AppId, asAppId } from '../../src/core/ids.ts';
import type { Store } from '../../src/store/port.ts';

/** Far in the future, so that no database removes rows by a clock of its own while a test looks at them. */
export const NOW = 4_000_000_000_000;

/** As many as the design names: enough to be in flight together on any backend. */
export const CROWD = 64;

export const freshId = (): string => randomBytes(16).toString('base64url');

/** A fresh app per test: nothing of another test can be seen. */
export const freshScope = (): AppId => asAppId(freshId());

/** `count` calls at once, taking turns over both connections. */
export function crowd<T>(
  { first, second }: { readonly first: Store; readonly second: Store },
  call: (store: Store, index: number) => Promise<T>,
  count = CROWD,
): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled(
    Array.from({ length: count }, (_, index) => call(index % 2 === 0 ? first : second, index)),
  );
}

/** Values of the calls that succeeded; throws if one failed with anything but `expected`. */
export function winners<T>(results: readonly PromiseSettledResult<T>[], expected?: string): T[] {
  const values: T[] = [];
  for (const result of results) {
    if (result.status === 'fulfilled') values.push(result.value);
    else if (!(result.reason instanceof Error) || result.reason.name !== expected) throw result.reason;
  }
  return values;
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('expected a rejection with an Error');
}
