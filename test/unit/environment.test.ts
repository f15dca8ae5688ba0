import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { configOf, faultsOf, KEY, OTHER_KEY, PRODUCTION, Workplace } from './config.fixture.ts';

const FILE = 'apps: {}';

const SECRET_KEY_MODULE = join(import.meta.dirname, '..', '..', 'src', 'config', 'secret-key.ts');

/** A thread that takes the development secret in each place at the same moment as all the others; gives what it got. */
function startAtOnce(places: readonly string[], gate: SharedArrayBuffer, threads: number): Promise<string[]> {
  const code = `const { parentPort, workerData } = require('node:worker_threads');
    const { module, places, gate, threads } = workerData;
    const arrived = new Int32Array(gate);
    import(module).then(({ readSecrets }) => {
      parentPort.postMessage(places.map((cwd, round) => {
        Atomics.add(arrived, 0, 1);
        while (Atomics.load(arrived, 0) < (round + 1) * threads);
        return readSecrets({ production: false, cwd, mayMakeKey: true }).secrets[0].toString('base64');
      }));
    });`;
  const workerData = { module: SECRET_KEY_MODULE, places, gate, threads };
  return new Promise((resolve, reject) => {
    new Worker(code, { eval: true, workerData }).once('message', resolve).once('error', reject);
  });
}

describe('environment', () => {
  let place: Workplace;
  beforeEach(() => {
    place = new Workplace();
  });
  afterEach(() => place.remove());

  it('is a working development server when nothing is set', () => {
    const result = place.load({});
    expect(configOf(result)).to.deep.include({
      production: false,
      host: '127.0.0.1',
      port: 3000,
      baseUrl: 'http://localhost:3000',
      storeUrl: 'sqlite:data/postern.db',
      smtpUrl: undefined,
      logLevel: 'info',
      trustedProxies: [],
      outboundAllow: [],
    });
    expect(result.ok && result.notices.join('\n')).to.match(/CONFIG is not set[\s\S]*\/dev\/inbox/);
  });

  it('reads every variable', () => {
    const env = {
      ...PRODUCTION,
      HOST: '0.0.0.0',
      PORT: '8080',
      STORE_URL: 'mongodb://a:1,b:2/postern?replicaSet=x',
      SECRET_KEY: `${KEY}, ${OTHER_KEY}`,
      LOG_LEVEL: 'warn',
      TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::/32,192.0.2.7',
      OUTBOUND_ALLOW: '10.1.0.0/16',
      WORKERS: '1',
    };
    const config = configOf(place.load(env, FILE));
    expect(config).to.deep.include({
      production: true,
      host: '0.0.0.0',
      port: 8080,
      baseUrl: 'https://id.example',
      storeUrl: env.STORE_URL,
      smtpUrl: env.SMTP_URL,
      logLevel: 'warn',
      trustedProxies: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'],
      outboundAllow: ['10.1.0.0/16'],
    });
    expect(config.secrets.map((secret) => secret.toString('base64'))).to.deep.equal([KEY, OTHER_KEY]);
  });

  it('takes an empty variable as unset', () => {
    expect(configOf(place.load({ PORT: '', SMTP_URL: ' ', SECRET_KEY: '', CONFIG: '' })).port).to.equal(3000);
  });

  it('follows PORT in the default BASE_URL', () => {
    expect(configOf(place.load({ PORT: '4000' })).baseUrl).to.equal('http://localhost:4000');
  });

  /** [what is wrong, variables, path, part of the message] */
  const wrong: readonly (readonly [string, NodeJS.ProcessEnv, string, RegExp])[] = [
    ['a misspelt NODE_ENV', { NODE_ENV: 'prod' }, 'NODE_ENV', /production, development or test/],
    ['no BASE_URL', { BASE_URL: '' }, 'BASE_URL', /required in production/],
    ['an http BASE_URL', { BASE_URL: 'http://id.example' }, 'BASE_URL', /must be https/],
    ['an http BASE_URL on localhost', { BASE_URL: 'http://localhost:3000' }, 'BASE_URL', /must be https/],
    [
      'a BASE_URL with a path',
      { BASE_URL: 'https://id.example/auth' },
      'BASE_URL',
      /only: https:\/\/id\.example$/,
    ],
    [
      'a BASE_URL with a slash',
      { BASE_URL: 'https://id.example/' },
      'BASE_URL',
      /only: https:\/\/id\.example$/,
    ],
    ['a BASE_URL with credentials', { BASE_URL: 'https://a:b@id.example' }, 'BASE_URL', /only/],
    [
      'a BASE_URL in capitals',
      { BASE_URL: 'https://ID.example' },
      'BASE_URL',
      /only: https:\/\/id\.example$/,
    ],
    ['a BASE_URL that is none', { BASE_URL: 'id.example' }, 'BASE_URL', /an origin/],
    ['no secret', { SECRET_KEY: '' }, 'SECRET_KEY', /required in production/],
    ['a short secret', { SECRET_KEY: 'c2hvcnQ=' }, 'SECRET_KEY', /32 bytes/],
    ['a secret of 33 bytes', { SECRET_KEY: Buffer.alloc(33).toString('base64') }, 'SECRET_KEY', /32 bytes/],
    ['a secret that is no base64', { SECRET_KEY: `${KEY.slice(0, -2)}!=` }, 'SECRET_KEY', /32 bytes/],
    ['a secret of zeros', { SECRET_KEY: Buffer.alloc(32).toString('base64') }, 'SECRET_KEY', /not random/],
    [
      'a secret that is text',
      { SECRET_KEY: Buffer.from('this-is-an-example-secret-key-32').toString('base64') },
      'SECRET_KEY',
      /not random/,
    ],
    [
      'a secret that counts',
      { SECRET_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString('base64') },
      'SECRET_KEY',
      /not random/,
    ],
    ['one secret twice', { SECRET_KEY: `${KEY},${KEY}` }, 'SECRET_KEY[1]', /given twice/],
    ['a bad second secret', { SECRET_KEY: `${KEY},abc` }, 'SECRET_KEY[1]', /32 bytes/],
    ['a secret from two places', { SECRET_KEY_FILE: 'key' }, 'SECRET_KEY_FILE', /not both/],
    [
      'a secret file that is missing',
      { SECRET_KEY: '', SECRET_KEY_FILE: 'key' },
      'SECRET_KEY_FILE',
      /ENOENT/,
    ],
    [
      'a store from two places',
      { STORE_URL: 'sqlite:a.db', STORE_URL_FILE: 'url' },
      'STORE_URL_FILE',
      /not both/,
    ],
    ['a store file that is missing', { STORE_URL_FILE: 'url' }, 'STORE_URL_FILE', /ENOENT/],
    ['a port of 0', { PORT: '0' }, 'PORT', /1 to 65535/],
    ['a port too high', { PORT: '65536' }, 'PORT', /1 to 65535/],
    ['a port that is no number', { PORT: '3e3' }, 'PORT', /1 to 65535/],
    ['a host with a port', { HOST: '0.0.0.0:80' }, 'HOST', /without a port/],
    ['a store of another kind', { STORE_URL: 'postgres://x/y' }, 'STORE_URL', /sqlite:path or mongodb/],
    ['a store in memory', { STORE_URL: 'sqlite::memory:' }, 'STORE_URL', /name a file/],
    ['a store without a database', { STORE_URL: 'mongodb://host' }, 'STORE_URL', /host\/database/],
    ['an SMTP_URL of another scheme', { SMTP_URL: 'https://mail.example' }, 'SMTP_URL', /smtp:/],
    ['an SMTP_URL with a path', { SMTP_URL: 'smtp://mail.example/x' }, 'SMTP_URL', /smtp:/],
    ['an unknown LOG_LEVEL', { LOG_LEVEL: 'verbose' }, 'LOG_LEVEL', /one of fatal/],
    ['a call to everywhere', { OUTBOUND_ALLOW: '::/0' }, 'OUTBOUND_ALLOW', /would allow every address/],
    ['a proxy by name', { TRUSTED_PROXIES: 'proxy.example' }, 'TRUSTED_PROXIES', /neither an address/],
    ['a block too long', { TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES', /neither an address/],
    [
      'everybody as proxy (WB-06)',
      { TRUSTED_PROXIES: '127.0.0.1,0.0.0.0/0' },
      'TRUSTED_PROXIES',
      /believe everybody/,
    ],
    [
      'everybody as proxy by IPv6 (WB-06)',
      { TRUSTED_PROXIES: '::/0' },
      'TRUSTED_PROXIES',
      /believe everybody/,
    ],
    ['too many workers', { WORKERS: '65' }, 'WORKERS', /number from 1 to 64/],
    ['no worker', { WORKERS: '0' }, 'WORKERS', /number from 1/],
    ['metrics on the port of the server', { METRICS_PORT: '3000' }, 'METRICS_PORT', /must not be PORT/],
    ['metrics without a port', { METRICS_HOST: '0.0.0.0' }, 'METRICS_HOST', /needs METRICS_PORT/],
    ['a stop that takes for ever', { STOP_DELAY: '10m' }, 'STOP_DELAY', /0s to 60s/],
    ['no CONFIG', { CONFIG: '' }, 'CONFIG', /required in production/],
    ['a CONFIG that is missing', { CONFIG: 'nowhere.yaml' }, 'CONFIG', /cannot be read/],
  ];
  for (const [what, env, path, message] of wrong) {
    it(`RL-20 refuses ${what}`, () => {
      const faults = faultsOf(place.load({ ...PRODUCTION, ...env }, FILE));
      expect(faults).to.have.lengthOf(1);
      expect(faults[0]?.startsWith(`${path}: `), faults[0]).to.equal(true);
      expect(faults[0]).to.match(message);
    });
  }

  it('RL-20 refuses the example apps in production', () => {
    const dev = join(import.meta.dirname, '..', '..', 'config', 'dev.yaml');
    expect(faultsOf(place.load({ ...PRODUCTION, CONFIG: dev }))).to.deep.equal([
      'CONFIG: config/dev.yaml holds example apps for development only',
    ]);
  });

  it('RL-20 refuses the example apps on an address that others reach', () => {
    expect(faultsOf(place.load({ HOST: '0.0.0.0' })).join()).to.match(/^HOST: must be a loopback address/);
    for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      expect(faultsOf(place.load({ HOST }))).to.deep.equal([]);
    }
    const opened = place.load({ HOST: '0.0.0.0' }, FILE);
    expect(opened.ok && opened.notices.join()).to.match(/open to the network/);
  });

  it('names no secret in a fault', () => {
    const secret = 'hunter2hunter2';
    const faults = faultsOf(
      place.load(
        { ...PRODUCTION, SECRET_KEY: secret, SMTP_URL: `http://user:${secret}@x` },
        `apps:\n  shop:\n    name: Shop\n    clients:\n      a:\n        client_secret: ${secret}\n     b: [`,
      ),
    );
    expect(faults.length).to.be.greaterThan(2);
    expect(faults.join('\n')).to.not.include(secret);
  });

  it('the store comes from a file too, because its URL may carry a password', () => {
    writeFileSync(join(place.path, 'url'), 'mongodb://me:word@host/postern\n');
    const config = configOf(place.load({ STORE_URL_FILE: 'url' }));
    expect(config.storeUrl).to.equal('mongodb://me:word@host/postern');
    writeFileSync(join(place.path, 'url'), 'postgres://me:hunter2@host/x');
    const faults = faultsOf(place.load({ STORE_URL_FILE: 'url' })).join();
    expect(faults)
      .to.match(/STORE_URL: must be/)
      .and.not.include('hunter2');
  });

  describe('secrets', () => {
    it('come from a file too, one per line, with comments', () => {
      writeFileSync(join(place.path, 'key'), `# newest first\n${KEY}\n${OTHER_KEY}\n`);
      const config = configOf(place.load({ ...PRODUCTION, SECRET_KEY: '', SECRET_KEY_FILE: 'key' }, FILE));
      expect(config.secrets.map((secret) => secret.toString('base64'))).to.deep.equal([KEY, OTHER_KEY]);
    });

    it('may be written in the URL-safe alphabet and without padding', () => {
      const written = Buffer.from(KEY, 'base64').toString('base64url');
      expect(configOf(place.load({ SECRET_KEY: written })).secrets[0]?.toString('base64')).to.equal(KEY);
    });

    it('are made once for development, readable by the owner only', () => {
      const first = configOf(place.load({})).secrets;
      const file = join(place.path, 'data', 'secret.key');
      expect(statSync(file).mode & 0o777).to.equal(0o600);
      expect(first).to.have.lengthOf(1);
      expect(configOf(place.load({})).secrets).to.deep.equal(first);
      expect(readdirSync(join(place.path, 'data'))).to.deep.equal(['secret.key']);
    });

    it('are the same for all that start at once', async () => {
      const [workers, rounds] = [4, 30];
      const places = Array.from({ length: rounds }, (_, round) => join(place.path, String(round)));
      const gate = new SharedArrayBuffer(4);
      const seen = await Promise.all(
        Array.from({ length: workers }, () => startAtOnce(places, gate, workers)),
      );
      for (const round of places.keys()) {
        expect(new Set(seen.map((keys) => keys[round])).size, `round ${round}`).to.equal(1);
        expect(seen[0]?.[round]).to.have.lengthOf(44);
      }
    });

    it('are not made by a mere check, nor by a start that fails anyway', () => {
      expect(configOf(place.load({}, undefined, { mayMakeKey: false })).secrets[0]).to.have.lengthOf(32);
      place.load({ PORT: 'x' });
      expect(readdirSync(place.path)).to.deep.equal([]);
    });

    it('RL-20 the one made for development is refused in production, also when copied', () => {
      const made = configOf(place.load({})).secrets[0]?.toString('base64');
      const byFile = place.load({ ...PRODUCTION, SECRET_KEY: '', SECRET_KEY_FILE: 'data/secret.key' }, FILE);
      expect(faultsOf(byFile).join('\n')).to.match(/^SECRET_KEY_FILE: was made for development/m);
      const byValue = place.load({ ...PRODUCTION, SECRET_KEY: made }, FILE);
      expect(faultsOf(byValue).join('\n')).to.match(/^SECRET_KEY: is the one made for development/m);
    });

    it('a development key that is broken is reported, never replaced', () => {
      mkdirSync(join(place.path, 'data'));
      writeFileSync(join(place.path, 'data', 'secret.key'), 'broken');
      expect(faultsOf(place.load({})).join()).to.match(/32 bytes/);
      expect(readFileSync(join(place.path, 'data', 'secret.key'), 'utf8')).to.equal('broken');
    });
  });
});
