export interface BackOff {
  /** Delay before the second try, ms. */
  readonly first: number;
  readonly max: number;
}

/**
 * Delay before the next try, ms: doubles from `first` up to `max`, then up to a quarter is added so that tries which
 * failed together do not return together.
 *
 * @param failures how many tries have failed, 1 or more.
 * @param random uniform in [0, 1).
 */
export function backOff({ first, max }: BackOff, failures: number, random: number): number {
  const delay = Math.min(max, first * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(delay * (1 + random / 4));
}
