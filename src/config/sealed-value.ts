/**
 * Credentials that stand in the configuration file sealed: `sealed:<version>.<text>`, made by `postern secret seal`. They
 * open only under this deployment's master secret, and name its version, so that a rotation can say what is left to
 * seal anew. Sealed under a name of their own (AAD): a value copied out of the store does not pass for one.
 */
import { Keyring } from '../core/keyring.ts';

const PREFIX = 'sealed:';
const AAD = 'configuration-file';

export const isSealed = (written: string): boolean => written.startsWith(PREFIX);

export const sealValue = (secrets: readonly Buffer[], value: string): string =>
  PREFIX + new Keyring(secrets).seal('*', AAD, value);

/** Of a value for which `isSealed`. */
export const sealedVersion = (written: string): string => written.slice(PREFIX.length).split('.')[0] ?? '';

/** The value, or a sentence for the person; never any of the text. */
export function openValue(
  secrets: readonly Buffer[],
  written: string,
): { readonly value: string } | { readonly fault: string } {
  if (secrets.length === 0) return { fault: 'cannot be opened without SECRET_KEY' };
  const keyring = new Keyring(secrets);
  const version = sealedVersion(written);
  if (!/^[0-9a-f]{12}$/.test(version)) return { fault: 'is no sealed value: npm run postern -- secret seal' };
  if (!keyring.versions.includes(version)) {
    return {
      fault: `is sealed under version ${version} of the master secret, which SECRET_KEY does not hold: put that back behind the others, or seal the value anew (npm run postern -- secret seal)`,
    };
  }
  try {
    return { value: keyring.open('*', AAD, written.slice(PREFIX.length)) };
  } catch {
    return { fault: 'was changed after it was sealed: seal the value anew (npm run postern -- secret seal)' };
  }
}
