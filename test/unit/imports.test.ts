import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { expect } from 'chai';
import { violationsOf } from './imports.rules.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');

const of = (files: Readonly<Record<string, string>>): string[] =>
  violationsOf(new Map(Object.entries(files))).map(({ file, message }) => `${file} ${message}`);

describe('import rules (design §5)', () => {
  it('hold for every source file', () => {
    const paths = readdirSync(SRC, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
      .map((entry) => relative(SRC, join(entry.parentPath, entry.name)).split(sep).join('/'));
    expect(paths).to.include.members(['main.ts', 'core/clock.ts', 'config/load.ts', 'store/port.ts']);
    const sources = new Map(paths.map((path) => [path, readFileSync(join(SRC, path), 'utf8')]));
    const found = violationsOf(sources).map(({ file, message }) => `src/${file} ${message}`);
    expect(found, `\n${found.join('\n')}\n`).to.deep.equal([]);
  });

  /** One planted violation per rule: [file, source, part of the message]. */
  const planted: readonly (readonly [string, string, RegExp])[] = [
    ['http/a.ts', "import { Provider } from 'oidc-provider';", /only oidc\/ knows the engine/],
    ['accounts/a.ts', "import type { Adapter } from 'oidc-provider';", /only oidc\/ knows the engine/],
    ['methods/x/a.ts', "import type { Context } from 'koa';", /web framework/],
    ['oidc/a.ts', "import Router from '@koa/router';", /web framework/],
    ['jobs/a.ts', "import { DatabaseSync } from 'node:sqlite';", /database drivers/],
    ['app.ts', "const { MongoClient } = await import('mongodb');", /database drivers/],
    ['accounts/a.ts', "import nodemailer from 'nodemailer';", /mail library/],
    ['oidc/a.ts', "import { discovery } from 'openid-client';", /is a client only/],
    ['apps/a.ts', "import { parse } from 'yaml';", /configuration files/],
    ['jobs/a.ts', "import { request } from 'node:https';", /calls other servers/],
    ['oidc/a.ts', "const answer = await fetch('https://a.example');", /take a GuardedFetch/],
    ['http/a.ts', 'const x = process.env.PORT;', /reads the environment/],
    ['http/a.ts', "import { env } from 'node:process';", /reads the environment/],
    ['jobs/a.ts', 'const now = Date.now();', /reads time/],
    ['jobs/a.ts', 'const now = new Date();', /reads time/],
    ['jobs/a.ts', 'const now = performance.now();', /reads time/],
    ['jobs/a.ts', 'const delay = Math.random();', /makes randomness/],
    ['oidc/a.ts', "import { randomBytes } from 'node:crypto';", /makes randomness/],
    ['oidc/a.ts', 'const id = crypto.randomUUID();', /makes randomness/],
    ['lib/a.ts', "import { hashOf } from '../core/hash.ts';", /core\/ does not lie inside lib\//],
    ['core/a.ts', "import type { Store } from '../store/port.ts';", /store\/ does not lie inside core\//],
    ['config/a.ts', "import type { App } from '../apps/apps.ts';", /apps\/ does not lie inside config\//],
    ['accounts/a.ts', "import { Mailer } from '../mail/outbox.ts';", /may name types of mail\/ only/],
    ['accounts/a.ts', "import { type A, Mailer } from '../mail/outbox.ts';", /may name types of mail\/ only/],
    ['accounts/a.ts', "export { Mailer } from '../mail/outbox.ts';", /may name types of mail\/ only/],
    ['accounts/a.ts', "import {\n  A,\n  B,\n} from '../mail/outbox.ts';", /may name types of mail\/ only/],
    ['mail/a.ts', "import { configFile } from '../config/schema.ts';", /may name types of config\/ only/],
    [
      'accounts/a.ts',
      "import type { Session } from '../http/session.ts';",
      /http\/ does not lie inside accounts\//,
    ],
    ['http/a.ts', "import { list } from '../api/users.ts';", /api\/ does not lie inside http\//],
    ['http/a.ts', "import { buildServer } from '../app.ts';", /composition root/],
    ['accounts/a.ts', "import { openSqlite } from '../store/sqlite/open.ts';", /through store\/port\.ts/],
    ['store/sqlite/a.ts', "import { x } from '../mongo/b.ts';", /never another backend/],
    ['store/sqlite/a.ts', "import type { App } from '../../apps/apps.ts';", /never another backend/],
    ['methods/x/a.ts', "import { y } from '../y/b.ts';", /never another method/],
    ['methods/x/a.ts', "import { spend } from '../../challenges/challenges.ts';", /the rest is passed in/],
    ['methods/x/a.ts', "import type { Page } from '../../http/pages.ts';", /the rest is passed in/],
    ['utils/a.ts', "import { x } from '../core/ids.ts';", /no room of the layout/],
  ];
  for (const [file, source, reason] of planted) {
    it(`find ${source.replaceAll('\n', ' ')} in ${file}`, () => {
      const found = of({ [file]: source });
      expect(found).to.have.lengthOf(1);
      expect(found[0]).to.match(reason);
    });
  }

  it('find rooms that need each other', () => {
    const found = of({
      'http/a.ts': "import { x } from '../api/b.ts';",
      'api/b.ts': "import { y } from '../http/a.ts';",
    });
    expect(found.join('\n')).to.match(/http\/ → api\/ → http\/: rooms that need each other/);
  });

  it('let through what the layout allows', () => {
    expect(
      of({
        'main.ts': "import { buildServer } from './app.ts';\nrun(process.env);",
        'app.ts': "import { openStore } from './store/open.ts';\nimport { mail } from './mail/outbox.ts';",
        'core/clock.ts': 'export const now = () => Date.now();',
        'core/hash.ts': "import { hash } from 'node:crypto';\nimport { frame } from '../lib/frame.ts';",
        'oidc/keys.ts': "import { createHash, generateKeyPair } from 'node:crypto';",
        'accounts/a.ts':
          "import type { App } from '../apps/apps.ts';\nimport { StoreConflict } from '../store/port.ts';",
        'store/open.ts': "const { open } = await import('./sqlite/open.ts');",
        'store/sqlite/a.ts':
          "import { DatabaseSync } from 'node:sqlite';\nimport type { Store } from '../port.ts';",
        'methods/index.ts': "import { link } from './magic-link/magic-link.ts';",
        'methods/x/a.ts':
          "import type { Method } from '../method.ts';\nimport type { C } from '../../challenges/c.ts';",
        'http/a.ts':
          "import Koa from 'koa';\nimport { apps } from '../apps/apps.ts';\nconst d = new Date(now);",
        'jobs/a.ts': '/** Not Date.now(), see clock. */\n// import { x } from "../http/a.ts"',
        'mail/a.ts': "import en from '../../views/mail/locales/en.json' with { type: 'json' };",
      }),
    ).to.deep.equal([]);
  });
});
