import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { generateFiles } from '../../src/cli/generate.ts';
import { GENERATED_FILES } from '../../src/cli/generated-files.ts';
import { COMMANDS, runCommand } from '../../src/cli/run.ts';
import { openValue, sealValue } from '../../src/config/sealed-value.ts';
import { KEY, OTHER_KEY, PRODUCTION, Workplace } from './config.fixture.ts';

const ROOT = join(import.meta.dirname, '..', '..');

class Screen {
  readonly out: string[] = [];
  readonly err: string[] = [];
  readonly print = (line: string): void => void this.out.push(line);
  readonly complain = (line: string): void => void this.err.push(line);
}

describe('postern', () => {
  let place: Workplace;
  let screen: Screen;
  const run = (line: string, env: NodeJS.ProcessEnv = {}) =>
    runCommand(line.split(' ').filter(Boolean), {
      env,
      cwd: place.path,
      print: screen.print,
      complain: screen.complain,
    });
  beforeEach(() => {
    place = new Workplace();
    screen = new Screen();
  });
  afterEach(() => place.remove());

  it('secret seal takes a value from the standard input only, and prints what opens here and shows nothing', async () => {
    const env = { SECRET_KEY: KEY };
    const seal = (text: string) =>
      runCommand(['secret', 'seal'], { env, cwd: place.path, ...screen, input: async () => text });
    expect(await seal('re_hunter2\n')).to.equal(0);
    const [sealed = ''] = screen.out;
    expect(screen.out).to.have.length(1);
    expect(sealed)
      .to.match(/^sealed:[0-9a-f]{12}\.[\w-]+$/)
      .and.not.include('hunter2');
    expect(openValue([Buffer.from(KEY, 'base64')], sealed)).to.deep.equal({ value: 're_hunter2' });
    expect(await seal('\n')).to.equal(1);
    expect(await run('secret seal re_hunter2', env)).to.equal(2);
    expect(screen.out).to.have.length(1);
  });

  it('secret status and reseal name the values of the file that an older secret sealed', async () => {
    const sealed = sealValue([Buffer.from(KEY, 'base64')], 're_hunter2');
    const config = join(place.path, 'config.yaml');
    writeFileSync(
      config,
      `apps: { shop: { name: Shop, mail: { transports: [{ type: resend, api_key: '${sealed}' }] } } }`,
    );
    const env = { CONFIG: config, STORE_URL: `sqlite:${join(place.path, 'sealed.db')}`, SECRET_KEY: KEY };
    expect(await run('secret status', env), [...screen.out, ...screen.err].join('\n')).to.equal(0);
    expect(screen.out).to.have.length(1);
    expect(screen.out[0]).to.include('newest: seals  1 value in the configuration file');
    const rotated = { ...env, SECRET_KEY: `${OTHER_KEY},${KEY}` };
    for (const command of ['secret status', 'secret reseal']) {
      expect(await run(command, rotated)).to.equal(0);
      expect(screen.out.at(-1)).to.match(/transports\[0\]\.api_key is sealed under an older secret/);
    }
    expect(screen.out.join('\n')).to.include('older: still needed').and.not.include('hunter2');
    expect(await run('config check', rotated)).to.equal(0);
    expect(screen.out.join('\n')).to.not.include('hunter2');
  });

  it('--help lists every command', async () => {
    expect(await run('--help')).to.equal(0);
    for (const { name, summary } of COMMANDS) {
      expect(screen.out.join('\n')).to.include(name).and.include(summary);
    }
  });

  it('help is about what was named: one command, one group, else all in brief', async () => {
    expect(await run('audit list --app shop --help')).to.equal(0);
    expect(screen.out.join('\n'))
      .to.include('--follow')
      .and.not.match(/keys|users list/);
    expect(await run('users')).to.equal(2);
    expect(screen.err.join('\n')).to.include('users disable').and.not.include('audit list');
    expect(await run('store backup')).to.equal(2);
    expect(screen.err.at(-1))
      .to.match(/^missing: <file>\n/)
      .and.not.include('store migrate');
    expect(await run('secret x')).to.equal(2);
    expect(screen.err.at(-1))
      .to.match(/^not understood: x\n/)
      .and.include('secret client');
    expect(await run('nonsense')).to.equal(2);
    expect(screen.err.at(-1)).to.include('keys rotate').and.not.include('--emergency');
  });

  for (const line of [
    '',
    'conifg check',
    'config',
    'config check more',
    'secret --loud',
    'generate --check=no',
  ]) {
    it(`exits 2 with the help on "${line}"`, async () => {
      expect(await run(line)).to.equal(2);
      expect(screen.err.join('\n')).to.match(/usage: /);
      expect(screen.out).to.deep.equal([]);
    });
  }

  it('config check names the apps and says OK', async () => {
    expect(await run('config check')).to.equal(0);
    expect(screen.out).to.include('shop: http://localhost:3000/shop (2 clients)');
    expect(screen.out.at(-1)).to.equal('OK for development');
  });

  it('RL-20 config check prints every fault and exits 1', async () => {
    writeFileSync(join(place.path, 'bad.yaml'), 'apps: { shop: { nam: A } }');
    expect(await run('config check', { ...PRODUCTION, CONFIG: 'bad.yaml', PORT: 'x' })).to.equal(1);
    expect(screen.err).to.deep.equal([
      'PORT: must be a port from 1 to 65535',
      'CONFIG: apps.shop.name: is missing (line 1)',
      'CONFIG: apps.shop.nam: is not known here: did you mean name? (line 1)',
      '3 faults',
    ]);
  });

  it('config check says OK for production, and prints no secret', async () => {
    writeFileSync(join(place.path, 'good.yaml'), 'apps: { shop: { name: A } }');
    expect(await run('config check', { ...PRODUCTION, CONFIG: 'good.yaml' })).to.equal(0);
    expect(screen.out.at(-1)).to.equal('OK for production');
    expect(screen.out.join('\n')).to.not.include(KEY).and.not.include('pass');
  });

  it('config schema prints the schema that is kept in config/', async () => {
    expect(await run('config schema')).to.equal(0);
    expect(`${screen.out.join('\n')}\n`).to.equal(readFileSync(join(ROOT, 'config', 'schema.json'), 'utf8'));
  });

  it('secret prints a key that production accepts, another one each time', async () => {
    await run('secret');
    await run('secret');
    const [first = '', second = ''] = screen.out;
    expect(Buffer.from(first, 'base64')).to.have.lengthOf(32);
    expect(first).to.not.equal(second);
    expect(place.load({ ...PRODUCTION, SECRET_KEY: `${first},${second}` }, 'apps: {}').ok).to.equal(true);
  });

  it('secret client prints a secret and the hash that stands for it', async () => {
    await run('secret client');
    const [secret = '', digest = ''] = screen.out.map((line) => line.replace(/^\w+: /, ''));
    expect(secret).to.have.lengthOf(43);
    expect(digest).to.equal(`sha256:${hash('sha256', secret, 'base64url')}`);
  });

  it('runs as a process, with its exit code', () => {
    const entry = join(ROOT, 'src', 'cli', 'postern.ts');
    const key = execFileSync(process.execPath, [entry, 'secret'], { encoding: 'utf8' });
    expect(Buffer.from(key, 'base64')).to.have.lengthOf(32);
    expect(() => execFileSync(process.execPath, [entry, 'nonsense'], { stdio: 'pipe' }))
      .to.throw()
      .with.property('status', 2);
  });
});

describe('generated files', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'postern-generate-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('are up to date in this repository', async () => {
    const screen = new Screen();
    expect(await generateFiles(GENERATED_FILES, ROOT, true, screen), screen.err.join('\n')).to.equal(0);
  });

  it('are written once, and a stale or missing one is told without being written', async () => {
    const files = [{ path: 'deep/a.md', make: () => 'new\n' }];
    const screen = new Screen();
    expect(await generateFiles(files, root, true, screen)).to.equal(1);
    expect(await generateFiles(files, root, false, screen)).to.equal(0);
    expect(readFileSync(join(root, 'deep', 'a.md'), 'utf8')).to.equal('new\n');
    expect(await generateFiles(files, root, true, screen)).to.equal(0);
    writeFileSync(join(root, 'deep', 'a.md'), 'old\n');
    expect(await generateFiles(files, root, true, screen)).to.equal(1);
    expect(readFileSync(join(root, 'deep', 'a.md'), 'utf8')).to.equal('old\n');
    expect(screen.err).to.deep.equal(Array(2).fill('deep/a.md is stale: run npm run generate'));
  });

  it('the reference page names every key and variable with a meaning', () => {
    const page = readFileSync(join(ROOT, 'docs', 'reference', 'configuration.md'), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.length).to.be.greaterThan(55);
    // Cells are separated by bars that are not escaped.
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    expect(cells.filter((row) => row.length !== 6 || row.slice(1, 5).includes(''))).to.deep.equal([]);
    expect(page).to.include('| `apps.<slug>.methods.magic_link.lifetime` | duration, 1m to 10m | `10m` |');
  });
});

describe('preflight', () => {
  it('refuses what package.json does not admit', () => {
    const manifest: { engines: { node: string } } = JSON.parse(
      readFileSync(join(ROOT, 'package.json'), 'utf8'),
    );
    const preflight = readFileSync(join(ROOT, 'src', 'preflight.mjs'), 'utf8');
    const oldest = /OLDEST = (\d+)/.exec(preflight)?.[1];
    expect(manifest.engines.node).to.equal(`>=${oldest}`);
  });

  it('says what to do on an older Node and exits 1', () => {
    const code = `Object.defineProperty(process, 'version', { value: 'v20.1.0' });
      Object.defineProperty(process.versions, 'node', { value: '20.1.0' });
      await import(${JSON.stringify(join(ROOT, 'src', 'preflight.mjs'))});`;
    expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', code], { stdio: 'pipe' }))
      .to.throw(/needs Node 24 or newer, and this is v20\.1\.0[\s\S]*npm ci/)
      .with.property('status', 1);
  });
});
