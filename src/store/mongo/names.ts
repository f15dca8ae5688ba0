/**
 * How scope, kind and id become one string, and back. The app is inside of every key that the database compares, so a
 * query cannot forget it (MT-06). Lengths stand in front: no choice of names makes two rows meet, and the ids of one
 * scope and kind stand together, in the order of their bytes, because that is how MongoDB compares strings.
 */

export const placeOf = (scope: string, kind: string, name: string): string =>
  `${scope.length}.${scope}${kind.length}.${kind}/${name}`;

/** Every id of one scope and kind lies in [from, to): '0' is the character behind '/'. */
export function rangeOf(scope: string, kind: string): { readonly from: string; readonly to: string } {
  const from = placeOf(scope, kind, '');
  return { from, to: `${from.slice(0, -1)}0` };
}

/** The name out of a place of this scope and kind. */
export const nameIn = (place: string, scope: string, kind: string): string =>
  place.slice(placeOf(scope, kind, '').length);

/**
 * BSON is UTF-8, in which half a surrogate pair has no place: two different ids would become the same row. Reads answer
 * "no such row" for such a name, which is true; writes refuse it. Data is safe: JSON escapes lone surrogates.
 */
export const isStorable = (...names: readonly (string | undefined)[]): boolean =>
  names.every((name) => name === undefined || name.isWellFormed());

export function assertStorable(...names: readonly (string | undefined)[]): void {
  if (!isStorable(...names)) throw new RangeError('an id or key of the store must be well-formed Unicode');
}
