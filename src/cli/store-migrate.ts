import { systemClock } from '../core/clock.ts';
import { type MigrationResult, migrate } from '../store/migrate.ts';
import { openMaintenance, openStore } from '../store/open.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { table } from './store-check.ts';
import { explained } from './store-source.ts';

const BAR = 30;

export const storeMigrate: Command = {
  name: 'store migrate',
  summary:
    'copy a whole store to another one, such as sqlite:data/postern.db to mongodb://…; can be interrupted',
  operands: ['from', 'to'],
  flags: { afresh: 'empty a target that an unfinished migration has left, and begin again' },
  run: (flags, surface, [fromUrl = '', toUrl = '']) =>
    explained(surface, async () => {
      const options = { directory: surface.cwd };
      const from = openMaintenance(fromUrl, options);
      const to = openMaintenance(toUrl, options);
      if (from.name === to.name) {
        surface.complain('source and target are the same store');
        return EXIT.usage;
      }
      const target = openStore(toUrl, options);
      try {
        surface.print(`from ${from.name}`);
        surface.print(`to   ${to.name}`);
        const { now } = systemClock;
        const result = await migrate(
          { from, to, target, now, progress: bar(surface) },
          flags.afresh === true,
        );
        surface.progress?.('');
        return report(result, surface);
      } finally {
        await Promise.all([from.close(), to.close(), target.close()]);
      }
    }),
};

/** On a terminal a bar; elsewhere one line for every tenth. */
function bar({ print, progress }: Surface) {
  let told = '';
  return (step: 'copy' | 'compare', done: number, total: number): void => {
    const share = total === 0 ? 1 : done / total;
    if (progress) {
      const filled = Math.round(share * BAR);
      const picture = '#'.repeat(filled) + '.'.repeat(BAR - filled);
      progress(`${step.padEnd(8)}[${picture}] ${done} of ${total}`);
      return;
    }
    const line = `${step} ${Math.floor(share * 10) * 10} %`;
    if (line === told) return;
    told = line;
    print(line);
  };
}

function report(result: MigrationResult, { print, complain }: Surface): ExitCode {
  switch (result.outcome) {
    case 'done': {
      if (result.resumedAt > 0) print(`went on behind ${result.resumedAt} rows of an earlier run`);
      for (const line of table(result.kinds)) print(line);
      const rows = result.kinds.reduce((sum, size) => sum + size.rows, 0);
      print(
        `OK: ${rows} rows are in the target, each compared. Set STORE_URL to it before Postern starts again.`,
      );
      return EXIT.ok;
    }
    case 'not_empty':
      complain('the target is not empty: name another one');
      return EXIT.failed;
    case 'begun_elsewhere':
      complain(`the target holds part of ${result.from}: finish that, or give --afresh to empty the target`);
      return EXIT.failed;
    case 'source_unfinished':
      complain('the source is itself the target of an unfinished migration');
      return EXIT.failed;
    case 'different':
      complain(`source and target differ in: ${result.where.join(', ')}`);
      complain('Something wrote meanwhile. Stop every Postern on both and run this again with --afresh.');
      return EXIT.failed;
  }
}
