import { type Command, EXIT } from './command.ts';
import { ALSO_BACK, KEEP_SESSIONS, keepEverything, voidEverything } from './revocation.ts';
import { explained, storeUrl } from './store-source.ts';

/** Works on both stores and beside running servers, which follow within a second. */
export const storeEpoch: Command = {
  name: 'store epoch',
  summary: 'void every session, token and mail under way; after an older copy of the store was put back',
  flags: { 'keep-sessions': `${KEEP_SESSIONS}; accepts an older embedded file` },
  run: (flags, surface) =>
    explained(surface, async () => {
      const url = storeUrl(surface);
      if (url === undefined) return EXIT.failed;
      const options = { directory: surface.cwd };
      if (flags['keep-sessions'] === true) {
        await keepEverything(url, options);
        surface.print('OK: accepted as it is. What was revoked since this copy was made is valid again.');
      } else {
        const epoch = await voidEverything(url, options, 'epoch');
        surface.print(
          `OK: whatever was issued before ${epoch.toISOString()} is void: everybody signs in anew.`,
        );
      }
      for (const line of ALSO_BACK) surface.print(line);
      return EXIT.ok;
    }),
};
