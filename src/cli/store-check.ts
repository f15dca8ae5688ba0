import { systemClock } from '../core/clock.ts';
import type { Finding, KindSize } from '../store/maintenance.ts';
import { openMaintenance } from '../store/open.ts';
import { type Command, EXIT } from './command.ts';
import { explained, storeUrl } from './store-source.ts';

const LABEL: Readonly<Record<Finding['level'], string>> = { ok: 'ok', warning: 'WARNING', fault: 'FAULT' };

/** Changes nothing; may run beside servers. */
export const storeCheck: Command = {
  name: 'store check',
  summary: 'say whether the store of STORE_URL is in order, and what is in it; exit 1 on a fault',
  flags: { thorough: 'read every page of it (minutes for a large store)' },
  run: (flags, surface) =>
    explained(surface, async () => {
      const url = storeUrl(surface);
      if (url === undefined) return EXIT.failed;
      const maintenance = openMaintenance(url, { directory: surface.cwd });
      try {
        surface.print(maintenance.name);
        const findings = await maintenance.inspect({ thorough: flags.thorough === true });
        for (const { level, subject, detail } of findings) {
          surface.print(`${LABEL[level].padEnd(8)} ${subject}: ${detail}`);
        }
        const isUnreadable = findings.some(({ level }) => level === 'fault');
        const sizes = isUnreadable ? [] : await maintenance.sizes(systemClock.now());
        const isPart = sizes.some(({ kind }) => kind === 'migration');
        if (isPart) surface.print('FAULT    migration: unfinished, run "store migrate" again');
        for (const line of table(sizes)) surface.print(line);
        return isUnreadable || isPart ? EXIT.failed : EXIT.ok;
      } finally {
        await maintenance.close();
      }
    }),
};

/** Rows and megabytes by kind, largest first. */
export function table(sizes: readonly KindSize[]): string[] {
  return sizes
    .toSorted((a, b) => b.bytes - a.bytes || b.rows - a.rows)
    .map(({ table: name, kind, rows, bytes }) => {
      const megabytes = `${(bytes / 1024 / 1024).toFixed(1)} MB`;
      return `${String(rows).padStart(10)} ${megabytes.padStart(10)}  ${name}${kind === '' ? '' : ` ${kind}`}`;
    });
}
