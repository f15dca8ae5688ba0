/** A whole deployment moved to another store: who was signed in stays so, and no accident leaves half a store in use. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Maintenance } from '../../../src/store/maintenance.ts';
import { migrate } from '../../../src/store/migrate.ts';
import { openMaintenance, openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/port.ts';
import { type Harness, startPostern } from '../../support/harness.ts';
import { again, loginWithTokens, refreshWith } from '../../support/logins.ts';
import { store } from '../../support/store-commands.ts';
import { failure } from '../../support/store-samples.ts';

describe('store migrate', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-migrate-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const old = (): string => `sqlite:${join(directory, 'postern.db')}`;
  const next = (): string => `sqlite:${join(directory, 'next.db')}`;
  const command = (...args: string[]) => store(args, { url: next(), cwd: directory });
  const start = (storeUrl: string, port?: number): Promise<Harness> =>
    startPostern({
      embedded: true,
      directory,
      config: { storeUrl },
      ...(port === undefined ? {} : { port }),
    });

  it('everybody who was signed in stays so, what was revoked stays dead, and the store is in order', async () => {
    const before = await start(old());
    const kept = await loginWithTokens(before);
    const dead = await loginWithTokens(before);
    const successor = await refreshWith(dead.rp, dead.tokens.refresh_token);
    await refreshWith(dead.rp, String(successor.json.refresh_token));
    expect((await refreshWith(dead.rp, dead.tokens.refresh_token)).status).to.equal(400);
    await before.close();

    const said = await command('migrate', old(), next());
    expect(said, said.err).to.include({ code: 0 });
    expect(said.out)
      .to.match(/compare 100 %/)
      .and.match(/record user/)
      .and.match(/OK: \d+ rows/);
    expect(await command('check', '--thorough')).to.include({ code: 0, err: '' });

    const after = await start(next(), Number(new URL(before.url).port));
    try {
      expect((await refreshWith(kept.rp, kept.tokens.refresh_token)).status).to.equal(200);
      await again(kept.browser, kept.rp);
      for (const token of [dead.tokens.refresh_token, String(successor.json.refresh_token)]) {
        expect((await refreshWith(dead.rp, token)).status).to.equal(400);
      }
    } finally {
      await after.close();
    }
  });

  it('a source in use is refused, and so is a target that holds something', async () => {
    const running = await start(old());
    try {
      const refused = await command('migrate', old(), next());
      expect(refused).to.include({ code: 1 });
      expect(refused.err).to.match(/in use/);
    } finally {
      await running.close();
    }
    const other = await start(next());
    await other.close();
    const refused = await command('migrate', old(), next());
    expect(refused).to.deep.include({ code: 1, err: 'the target is not empty: name another one' });
    expect(await command('migrate', old(), old())).to.include({ code: 2 });
  });

  it('a source that does not exist is told and not made', async () => {
    const said = await command('migrate', old(), next());
    expect(said).to.include({ code: 1 });
    expect(said.err).to.match(/does not exist/);
  });

  it('never prints a password', async () => {
    const said = await command('migrate', 'postgres://me:hunter2@host/db', next()).catch((error: Error) => ({
      code: 1,
      out: '',
      err: error.message,
    }));
    expect(said.code).to.equal(1);
    expect(said.out + said.err).to.not.include('hunter2');
  });

  describe('interrupted', () => {
    let from: Maintenance;
    let to: Maintenance;
    let target: Store;
    const now = Date.now;
    const deps = (more: { from?: Maintenance } = {}) => ({
      from,
      to,
      target,
      now,
      progress: () => undefined,
      ...more,
    });
    beforeEach(async () => {
      const source = openStore(old());
      await source.prepare();
      const rows = Array.from({ length: 1050 }, (_, index) =>
        source.records.insert('@system', 'many', { id: `id-${index}`, data: { index } }, now()),
      );
      await Promise.all(rows);
      await source.close();
      from = openMaintenance(old());
      to = openMaintenance(next());
      target = openStore(next());
    });
    afterEach(() => Promise.all([from.close(), to.close(), target.close()]));

    /** Dies in the middle of a page: rows are written, the checkpoint is not. */
    const failingAt = (count: number, real: Maintenance): Maintenance => {
      let loads = 0;
      return new Proxy(real, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            const done: unknown = await value.apply(target, args);
            if (name === 'load' && ++loads === count) throw new Error('the power went');
            return done;
          };
        },
      });
    };

    it('no Postern starts on half a store, and the same command goes on and finishes', async () => {
      const broken = { ...deps(), to: failingAt(3, to) };
      expect((await failure(migrate(broken, false))).message).to.equal('the power went');
      await from.close();
      await target.close();
      expect((await failure(start(next()))).message).to.match(/unfinished copy of sqlite:.*store migrate/);
      expect(await command('check')).to.include({ code: 1 });

      target = openStore(next());
      const result = await migrate(deps(), false);
      expect(result).to.include({ outcome: 'done', resumedAt: 400 });
      const sizes = await to.sizes(now());
      expect(sizes.map(({ kind, rows }) => [kind, rows])).to.deep.equal([['many', 1050]]);
    });

    it('another source does not go on where the first one ended, --afresh begins again', async () => {
      await failure(migrate({ ...deps(), to: failingAt(2, to) }, false));
      const other = new Proxy(from, {
        get: (real, name) => {
          const value: unknown = name === 'name' ? 'sqlite:/elsewhere.db' : Reflect.get(real, name);
          return typeof value === 'function' ? value.bind(real) : value;
        },
      });
      expect(await migrate(deps({ from: other }), false)).to.include({ outcome: 'begun_elsewhere' });
      expect(await migrate(deps({ from: other }), true)).to.include({ outcome: 'done', resumedAt: 0 });
    });

    it('a row that changes in the source after it was copied is found, and nothing is called finished', async () => {
      let reads = 0;
      const changing = new Proxy(from, {
        get: (real, name) => {
          const value: unknown = Reflect.get(real, name);
          if (name !== 'dump' || typeof value !== 'function') {
            return typeof value === 'function' ? value.bind(real) : value;
          }
          return async (...args: unknown[]) => {
            const rows: unknown = await value.apply(real, args);
            reads += 1;
            // The first read of the comparison: a record has another version by now.
            const isCompared = reads === 10;
            return isCompared && Array.isArray(rows)
              ? rows.map((row, index) => (index === 5 ? { ...row, version: 2 } : row))
              : rows;
          };
        },
      });
      const result = await migrate(deps({ from: changing }), false);
      expect(result).to.deep.equal({ outcome: 'different', where: ['record many'] });
      expect((await failure(start(next()))).message).to.match(/unfinished/);
    });

    it('a row too many in the target is found', async () => {
      const adding = new Proxy(to, {
        get: (real, name) => {
          const value: unknown = Reflect.get(real, name);
          if (name !== 'load' || typeof value !== 'function') {
            return typeof value === 'function' ? value.bind(real) : value;
          }
          return async (...args: unknown[]) => {
            await value.apply(real, args);
            await target.oneTime
              .put('@system', 'pass', 'planted', {}, now() + 60_000, now())
              .catch(() => null);
          };
        },
      });
      const result = await migrate({ ...deps(), to: adding }, false);
      expect(result).to.deep.equal({ outcome: 'different', where: ['oneTime pass'] });
    });
  });
});
