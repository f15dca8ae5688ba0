/** Voids what a store that was put back has brought back to life. */
import { systemClock } from '../core/clock.ts';
import { raiseEpoch } from '../oidc/epoch.ts';
import type { Table } from '../store/maintenance.ts';
import { openMaintenance, openStore, type StoreOptions } from '../store/open.ts';

/** What leads to a sign-in without being an artifact of the engine: mails under way, asking browsers, passes. */
const SIGN_INS_UNDER_WAY: readonly (readonly [Table, string])[] = [
  ['record', 'challenge'],
  ['record', 'browser'],
];

/** The epoch first: what is made of an old challenge meanwhile hangs on an interaction that is void already. */
export async function voidEverything(url: string, options: StoreOptions, reason: string): Promise<Date> {
  const store = openStore(url, { ...options, mayBeOlder: true });
  const maintenance = openMaintenance(url, options);
  try {
    await store.prepare();
    const epoch = await raiseEpoch(store, systemClock.now(), reason);
    for (const [table, kind] of SIGN_INS_UNDER_WAY) await maintenance.removeKind(table, kind);
    return new Date(epoch);
  } finally {
    await maintenance.close();
    await store.close();
  }
}

/** Everything stays as it is; an embedded file is taken for the newest from now on. */
export async function keepEverything(url: string, options: StoreOptions): Promise<void> {
  const store = openStore(url, { ...options, mayBeOlder: true });
  try {
    await store.prepare();
  } finally {
    await store.close();
  }
}

export const KEEP_SESSIONS = 'only if nothing was revoked since: nobody has to sign in again';

/** No epoch helps against these; whoever puts an old copy back has to know. */
export const ALSO_BACK = [
  'Also as old as the copy: users (blocked, changed or deleted since), consents withdrawn since, signing keys',
  'retired since. Repeat those changes; after an emergency rotation of keys rotate again.',
];
