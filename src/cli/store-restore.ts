import { existsSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { randomToken } from '../core/random.ts';
import { embeddedFile } from '../store/open.ts';
import { assertUnused, copyStore, replaceStore } from '../store/sqlite/backup.ts';
import { type Command, EXIT, type Surface } from './command.ts';
import { ALSO_BACK, KEEP_SESSIONS, keepEverything, voidEverything } from './revocation.ts';
import { USE_MONGODUMP } from './store-backup.ts';
import { explained, storeUrl } from './store-source.ts';

export const storeRestore: Command = {
  name: 'store restore',
  summary: 'put a backup in the place of the embedded store and sign everybody out; servers must be stopped',
  operands: ['file'],
  flags: { 'keep-sessions': KEEP_SESSIONS },
  run: (flags, surface, [file = '']) =>
    explained(surface, async () => {
      const url = storeUrl(surface);
      if (url === undefined) return EXIT.failed;
      const target = embeddedFile(url, { directory: surface.cwd });
      if (target === undefined) {
        surface.complain(USE_MONGODUMP);
        return EXIT.failed;
      }
      await restore(resolve(surface.cwd, file), target, flags['keep-sessions'] === true, surface);
      return EXIT.ok;
    }),
};

/** The backup is made safe beside the store and then takes its place, so that no server ever sees it as it was. */
async function restore(backup: string, target: string, mayKeep: boolean, { print }: Surface): Promise<void> {
  assertUnused(target);
  const prepared = `${target}.${randomToken(6)}.restoring`;
  try {
    await copyStore(backup, prepared);
    const url = `sqlite:${prepared}`;
    if (mayKeep) await keepEverything(url, {});
    else await voidEverything(url, {}, 'restored');
    assertUnused(target);
    const stamp = new Date(systemClock.now()).toISOString().replaceAll(/[:.]/g, '-');
    const kept = `${target}.replaced-${stamp}`;
    const hadStore = existsSync(target);
    replaceStore(target, prepared, kept);
    if (hadStore) print(`the former store is kept as ${kept}`);
    print(`OK: ${target} is as of ${statSync(backup).mtime.toISOString()}`);
    print(
      mayKeep
        ? 'Sessions and tokens of that time are valid again, also those that were revoked since.'
        : 'Sessions, tokens and mails under way are void: everybody signs in anew.',
    );
    for (const line of ALSO_BACK) print(line);
  } finally {
    for (const suffix of ['', '-wal', '-shm', '.mark']) rmSync(prepared + suffix, { force: true });
  }
}
