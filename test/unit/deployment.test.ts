/** What the image and the compose file promise: nothing runs with more rights, or with other secrets, than it needs. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import { readMachine, valuesOf } from '../../src/config/environment.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const service = z.looseObject({
  image: z.string(),
  build: z.looseObject({ target: z.string() }).optional(),
  user: z.string().optional(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()),
  restart: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ disable: z.boolean().optional(), test: z.unknown().optional() }).optional(),
  network_mode: z.string().optional(),
  command: z.array(z.string()).optional(),
  deploy: z.object({
    resources: z.object({ limits: z.record(z.string(), z.union([z.string(), z.number()])) }),
  }),
});
const compose = z
  .looseObject({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.unknown()) })
  .parse(parse(read('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const named = (name: string): z.infer<typeof service> => {
  const found = compose.services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
};

describe('docker-compose.yml', () => {
  it('has what a deployment needs, two Posterns among it', () => {
    expect(Object.keys(compose.services)).to.have.members([
      'secrets',
      'mongo',
      'mongo-init',
      'mailpit',
      'postern-a',
      'postern-b',
      'proxy',
      'trust',
      'demo',
    ]);
    expect(named('postern-a')).to.deep.equal(named('postern-b'));
  });

  for (const [name, one] of services) {
    it(`${name} runs hardened: read-only, without capabilities, limited`, () => {
      expect(one.read_only).to.equal(true);
      expect(one.cap_drop).to.deep.equal(['ALL']);
      expect(one.security_opt).to.deep.equal(['no-new-privileges:true']);
      expect(one.deploy.resources.limits).to.have.keys(['cpus', 'memory', 'pids']);
      expect(one.image).to.not.match(/:latest$|^[^:]+$/);
    });

    it(`${name} is healthy by a check of its own, or runs once`, () => {
      // The image of Postern brings its own check; `disable` is for what ends.
      const isOwnImage = one.image === 'postern:local' && one.healthcheck === undefined;
      const ends = one.restart === 'no';
      if (ends) expect(isOwnImage).to.equal(false);
      else expect(isOwnImage || one.healthcheck?.test !== undefined).to.equal(true);
    });

    it(`${name} waits for what it needs, and for what runs once until it has ended`, () => {
      for (const [other, { condition }] of Object.entries(one.depends_on)) {
        const ends = named(other).restart === 'no';
        expect(condition, other).to.equal(ends ? 'service_completed_successfully' : 'service_healthy');
      }
    });
  }

  it('nobody is root but the service that gives files to the others, and that one has no network', () => {
    for (const [name, { user, image, network_mode }] of services) {
      // The images that are built here name their user themselves.
      if (name === 'secrets') expect(network_mode).to.equal('none');
      else if (user === undefined) expect(image).to.match(/^postern(-demo)?:local$/);
      else expect(user).to.match(/^[1-9]\d*:[1-9]\d*$/);
    }
  });

  it('RL-20 no secret stands in it, not even as a default', () => {
    for (const [name, { environment, command }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/SECRET|PASSWORD|TOKEN|KEY|URL/.test(variable) && !/_FILE$/.test(variable)) {
          expect(value, `${name} ${variable}`).to.not.match(/\/\/[^/]*@/);
          expect(value, `${name} ${variable}`).to.match(/^$|^\$\{|^https?:/);
        }
      }
      expect(command?.join(' ') ?? '', name).to.not.match(/password|--pwd/i);
    }
    expect(read('docker-compose.yml')).to.not.match(/changeme|password:|secret123/i);
  });

  it('every secret is seen by those who need it, and read-only', () => {
    const holders = (volume: string) =>
      services.flatMap(([name, { volumes }]) =>
        volumes
          .filter((mount) => mount.startsWith(`${volume}:`))
          .map((mount) => `${name} ${mount.split(':')[2]}`),
      );
    expect(holders('secrets-mongo')).to.have.members(['secrets undefined', 'mongo ro', 'mongo-init ro']);
    expect(holders('secrets-postern')).to.have.members(['secrets undefined', 'postern-a ro', 'postern-b ro']);
    expect(holders('caddy-data')).to.have.members(['secrets undefined', 'proxy undefined', 'trust ro']);
  });

  it('is reached from this machine only, unless one says otherwise', () => {
    for (const [name, { ports }] of services) {
      for (const port of ports)
        expect(port, name).to.match(/^(127\.0\.0\.1|\$\{POSTERN_BIND:-127\.0\.0\.1\}):/);
    }
  });

  it('CVE-2025-14847 MongoDB speaks no zlib and asks for a password', () => {
    const { command = [] } = named('mongo');
    expect(command).to.include('--networkMessageCompressors=snappy,zstd');
    expect(command).to.include('--keyFile=/secrets/mongo/keyfile');
    expect(command).to.include('--replSet=rs0');
  });

  it('WB-06 Postern believes the proxy and nobody else', () => {
    const { environment } = named('postern-a');
    const address = parse(read('docker-compose.yml')).services.proxy.networks.edge.ipv4_address;
    expect(environment.TRUSTED_PROXIES).to.equal(address);
    expect(read('deploy/Caddyfile')).to.match(/header_up X-Forwarded-For \{remote_host\}/);
  });

  it('what Postern is told is a configuration that production accepts', () => {
    const told = Object.entries(named('postern-a').environment).map(([name, value]) => {
      return [name, value.replace(/\$\{\w+:-(.*)\}/, '$1')];
    });
    const { machine, faults } = readMachine(valuesOf(Object.fromEntries(told)));
    expect(faults).to.deep.equal([]);
    expect(machine).to.include({ production: true, baseUrl: 'https://localhost:8443' });
  });

  it('mounts files that are there', () => {
    for (const [, { volumes }] of services) {
      for (const mount of volumes.filter((volume) => volume.startsWith('./'))) {
        expect(existsSync(join(ROOT, mount.split(':')[0] ?? '')), mount).to.equal(true);
      }
    }
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM')));
  const only = (word: string): string => last.filter((line) => line.startsWith(word)).join('\n');

  it('runs as a numbered user that is not root, and as one process that gets the signals', () => {
    expect(only('USER')).to.equal('USER 1000:1000');
    expect(only('CMD')).to.equal('CMD ["node", "src/main.ts"]');
    expect(only('STOPSIGNAL')).to.equal('STOPSIGNAL SIGTERM');
    expect(only('HEALTHCHECK')).to.match(/CMD \["node", "deploy\/healthcheck\.mjs"\]$/);
  });

  it('has no dev dependencies, no second Node, and runs no script of a dependency', () => {
    const installs = lines.filter((line) => /npm (ci|i|install)\b/.test(line));
    expect(installs).to.have.lengthOf(2);
    for (const line of installs) expect(line).to.match(/npm ci --omit=dev .*--ignore-scripts/);
    expect(installs[0]).to.include('--omit=optional');
    expect(only('RUN')).to.not.include('npm');
  });

  it('holds no secret and no default that production would take for one', () => {
    expect(only('ENV')).to.include('NODE_ENV=production');
    expect(lines.join('\n')).to.not.match(/SECRET|PASSWORD|SMTP|BASE_URL=/);
  });

  it('copies what the build may see, and the build may see nothing else', () => {
    const admitted = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(read('.dockerignore').split('\n')).to.include('*');
    const copied = lines
      .filter((line) => line.startsWith('COPY') && !line.includes('--from'))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(admitted).to.have.members([...new Set(copied)]);
    for (const path of copied) expect(existsSync(join(ROOT, path)), path).to.equal(true);
  });

  it('the server loads nothing but dependencies, which are all the image has', () => {
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(read('package.json'));
    const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
    const packages = files
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => [
        ...read(join('src', path)).matchAll(/^(?:import|export) (?!type)[^;]*?from '([^'.][^']*)'/gm),
      ])
      .map(([, name = '']) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
      .filter((name) => !name.startsWith('node:'));
    expect(Object.keys(dependencies)).to.include.members([...new Set(packages)]);
  });
});

describe('deploy/secrets.sh', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-secrets-'));
    for (const path of ['mongo', 'postern', 'caddy/data', 'caddy/trust']) {
      mkdirSync(join(directory, path), { recursive: true });
    }
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const self = `${process.getuid?.()}:${process.getgid?.()}`;
  const run = (): string =>
    execFileSync('sh', [join(ROOT, 'deploy', 'secrets.sh')], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        MONGO_DIR: join(directory, 'mongo'),
        POSTERN_DIR: join(directory, 'postern'),
        CADDY_DIR: join(directory, 'caddy'),
        MONGO_USER: self,
        POSTERN_USER: self,
      },
    });
  const made = (): Record<string, string> =>
    Object.fromEntries(
      ['mongo', 'postern'].flatMap((room) =>
        readdirSync(join(directory, room)).map((name) => [
          `${room}/${name}`,
          readFileSync(join(directory, room, name), 'utf8'),
        ]),
      ),
    );

  it('makes every secret for its owner only, prints none, and leaves them at the next start', () => {
    const said = run();
    const first = made();
    expect(Object.keys(first)).to.have.members([
      'mongo/keyfile',
      'mongo/root-password',
      'mongo/postern-password',
      'postern/secret.key',
      'postern/store-url',
    ]);
    for (const [path, value] of Object.entries(first)) {
      expect(statSync(join(directory, path)).mode & 0o777, path).to.equal(0o400);
      expect(said).to.not.include(value);
      expect(value.length).to.be.greaterThan(40);
    }
    expect(first['mongo/keyfile']).to.match(/^[A-Za-z0-9+/=]{6,1024}$/);
    expect(Buffer.from(first['postern/secret.key'] ?? '', 'base64')).to.have.lengthOf(32);
    expect(first['postern/store-url']).to.include(
      `postern:${first['mongo/postern-password']}@mongo:27017/postern?`,
    );
    const { faults } = readMachine({ STORE_URL: first['postern/store-url'] ?? '' });
    expect(faults, 'Postern can use the URL').to.deep.equal([]);
    expect(run()).to.equal('');
    expect(made()).to.deep.equal(first);
  });

  it('makes what is missing or was left empty by a crash, and nothing else anew', () => {
    run();
    const first = made();
    rmSync(join(directory, 'postern', 'store-url'));
    expect(run()).to.match(/^made .*store-url\n$/);
    expect(made()).to.deep.equal(first);
  });
});

describe('deploy/mongo-init.js', () => {
  interface Server {
    version: string;
    isReplicaSet: boolean;
    users: Map<string, { pwd: string; roles: unknown }>;
    said: string[];
    signedIn: string | undefined;
  }
  const fresh = (version = '8.0.17'): Server => ({
    version,
    isReplicaSet: false,
    users: new Map(),
    said: [],
    signedIn: undefined,
  });
  const refusal = (code: number): Error => Object.assign(new Error('refused'), { code });

  /** As much of mongosh and of a server with a key file as the script uses, rights included. */
  function run(server: Server): void {
    server.signedIn = undefined;
    let looks = 0;
    const may = (): void => {
      if (server.signedIn === undefined && server.users.has('admin.root')) throw refusal(13);
    };
    const database = (name: string) => ({
      getSiblingDB: database,
      runCommand: (command: { hello?: 1; buildInfo?: 1; replSetInitiate?: unknown }) => {
        if (command.buildInfo) return { version: server.version };
        if (command.hello) {
          looks += 1;
          return server.isReplicaSet ? { setName: 'rs0', isWritablePrimary: looks > 2 } : {};
        }
        may();
        server.isReplicaSet = true;
        return { ok: 1 };
      },
      auth: (user: string, pwd: string) => {
        if (server.users.get(`${name}.${user}`)?.pwd !== pwd) throw refusal(18);
        server.signedIn = user;
      },
      getUser: (user: string) => {
        may();
        return server.users.get(`${name}.${user}`) ?? null;
      },
      createUser: ({ user, ...rest }: { user: string; pwd: string; roles: unknown }) => {
        may();
        server.users.set(`${name}.${user}`, rest);
      },
      updateUser: (user: string, rest: { pwd: string; roles: unknown }) => {
        may();
        server.users.set(`${name}.${user}`, rest);
      },
    });
    runInNewContext(read('deploy/mongo-init.js'), {
      db: database('admin'),
      print: (line: string) => server.said.push(line),
      sleep: () => undefined,
      require: () => ({ readFileSync: (path: string) => `content of ${path}\n` }),
    });
  }

  it('makes replica set, administrator and a user with rights on one database only', () => {
    const server = fresh();
    run(server);
    expect(server.isReplicaSet).to.equal(true);
    expect(server.users.get('postern.postern')).to.deep.equal({
      pwd: 'content of /secrets/mongo/postern-password',
      roles: [{ role: 'readWrite', db: 'postern' }],
    });
    expect([...server.users.keys()]).to.deep.equal(['admin.root', 'postern.postern']);
    expect(server.said.join()).to.not.include('content of');
  });

  it('does the same at every start, with nothing made twice', () => {
    const server = fresh();
    run(server);
    const users = new Map(server.users);
    server.said.length = 0;
    run(server);
    expect(server.users).to.deep.equal(users);
    expect(server.said).to.deep.equal(['MongoDB is ready for Postern']);
  });

  it('CVE-2025-14847 refuses builds that are not safe', () => {
    for (const version of ['8.0.16', '7.0.27', '8.2.2', '8.1.9', '4.4.29', '6.0.26']) {
      expect(() => run(fresh(version)), version).to.throw(/CVE-2025-14847/);
    }
    for (const version of ['8.0.17', '7.0.28', '8.2.3', '8.3.0', '9.0.0']) run(fresh(version));
  });
});
