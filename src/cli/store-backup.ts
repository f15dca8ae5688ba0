import { resolve } from 'node:path';
import { embeddedFile } from '../store/open.ts';
import { copyStore } from '../store/sqlite/backup.ts';
import { type Command, EXIT } from './command.ts';
import { explained, storeUrl } from './store-source.ts';

export const USE_MONGODUMP = 'this is for the embedded store; see docs/guide/backup.md for MongoDB';

export const storeBackup: Command = {
  name: 'store backup',
  summary: 'copy the embedded store into a new file while servers run',
  operands: ['file'],
  run: (_flags, surface, [file = '']) =>
    explained(surface, async () => {
      const url = storeUrl(surface);
      if (url === undefined) return EXIT.failed;
      const from = embeddedFile(url, { directory: surface.cwd });
      if (from === undefined) {
        surface.complain(USE_MONGODUMP);
        return EXIT.failed;
      }
      const to = resolve(surface.cwd, file);
      const bytes = await copyStore(from, to);
      surface.print(`OK: ${to} (${(bytes / 1024 / 1024).toFixed(1)} MB), read back whole`);
      return EXIT.ok;
    }),
};
