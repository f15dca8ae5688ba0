/**
 * The whole configuration: environment and file, read and checked once at boot. All faults are reported together, and
 * with one fault nothing is started (RL-20). The only door between `process.env` and everything else.
 */
import { hash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { checkApps } from './check-apps.ts';
import { dkimKeyFault } from './check-transports.ts';
import type { ClientSettings } from './client-schema.ts';
import { readConfigFile, type SealedPlace } from './config-file.ts';
import {
  type Machine,
  type ProcessSettings,
  readMachine,
  VARIABLES,
  type Values,
  valuesOf,
} from './environment.ts';
import { type Fault, filePath } from './fault.ts';
import { withFileValues } from './file-values.ts';
import { isLoopback } from './redirect-uri.ts';
import type { AppSettings, Config } from './schema.ts';
import { readSecrets } from './secret-key.ts';

export type { Fault } from './fault.ts';

export interface LoadOptions {
  /** Directory that relative paths start from; default: the working directory. */
  readonly cwd?: string;
  /** Whether `data/secret.key` may be made in development (default); a mere check leaves no trace. */
  readonly mayMakeKey?: boolean;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly processes: ProcessSettings;
      readonly notices: readonly string[];
      /** Values of the file that are written sealed. */
      readonly sealed: readonly SealedPlace[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** What runs without any configuration: two example apps with a demonstration client. */
export const DEVELOPMENT_FILE = join(import.meta.dirname, '..', '..', 'config', 'dev.yaml');

export function loadConfig(env: NodeJS.ProcessEnv, options: LoadOptions = {}): LoadResult {
  const cwd = options.cwd ?? process.cwd();
  const { values, faults: fileFaults } = withFileValues(valuesOf(env), cwd);
  const { machine, processes, faults: machineFaults } = readMachine(values);
  const secrets = readSecrets({
    SECRET_KEY: values.SECRET_KEY,
    SECRET_KEY_FILE: values.SECRET_KEY_FILE,
    production: machine.production,
    cwd,
    // No trace of a start that fails anyway.
    mayMakeKey: (options.mayMakeKey ?? true) && machineFaults.length + fileFaults.length === 0,
  });
  const file = readApps(values, machine, { env, cwd, secrets: secrets.secrets });
  const faults = [
    ...fileFaults,
    ...machineFaults,
    ...exposureFaults(values, machine),
    ...secrets.faults,
    ...file.faults,
  ];
  if (faults.length > 0 || file.apps === undefined) return { ok: false, faults };
  return {
    ok: true,
    processes,
    config: { ...machine, secrets: secrets.secrets, apps: file.apps },
    notices: [...secrets.notices, ...notices(values, machine, file.apps)],
    sealed: file.sealed,
  };
}

/** The master secrets alone, whatever else is wrong: for what has to be made before a file can name it. */
export function loadSecrets(
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd() }: LoadOptions = {},
): { readonly secrets: readonly Buffer[]; readonly faults: readonly Fault[] } {
  const values = valuesOf(env);
  const { SECRET_KEY, SECRET_KEY_FILE } = values;
  const { production } = readMachine(values).machine;
  return readSecrets({ SECRET_KEY, SECRET_KEY_FILE, production, cwd, mayMakeKey: true });
}

interface ReadApps {
  readonly apps: Config['apps'] | undefined;
  readonly faults: readonly Fault[];
  readonly sealed: readonly SealedPlace[];
}

interface Reading {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly secrets: readonly Buffer[];
}

function readApps(values: Values, machine: Machine, { env, cwd, secrets }: Reading): ReadApps {
  const fault = (message: string): ReadApps => ({
    apps: undefined,
    faults: [{ path: 'CONFIG', message }],
    sealed: [],
  });
  if (values.CONFIG === undefined && machine.production) {
    return fault('is required in production: the path of a configuration file (see config/example.yaml)');
  }
  const path = values.CONFIG === undefined ? DEVELOPMENT_FILE : resolve(cwd, values.CONFIG);
  const text = readText(path);
  if (typeof text !== 'string') return fault(`cannot be read: ${path} (${text.reason})`);
  if (machine.production && realpathSync(path) === realpathSync(DEVELOPMENT_FILE)) {
    return fault('config/dev.yaml holds example apps for development only');
  }
  const file = readConfigFile(text, {
    baseUrl: machine.baseUrl,
    lookUp: (name) => env[name]?.trim() || undefined,
    isOwn: isOwnVariable,
    secrets,
  });
  const crossed = checkApps(appsOf(file.raw), file.parsed?.apps, machine).map(({ path: at, message }) => ({
    path: at,
    message: message + file.lineOf(at),
  }));
  const signing = withDkimKeys(file.parsed?.apps ?? {}, cwd);
  const faults = [...file.faults, ...crossed, ...signing.faults];
  const apps = file.parsed === undefined ? undefined : keptApps(signing.apps, dirname(path));
  return { faults, apps, sealed: file.sealed };
}

/** The keys that stand in files of their own, read once here. */
function withDkimKeys(
  apps: Readonly<Record<string, AppSettings>>,
  cwd: string,
): { readonly apps: Readonly<Record<string, AppSettings>>; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const read = Object.entries(apps).map(([slug, app]): [string, AppSettings] => {
    const { dkim } = app.mail;
    if (dkim?.private_key_file === undefined || dkim.private_key !== undefined) return [slug, app];
    const pem = readText(resolve(cwd, dkim.private_key_file));
    const message = typeof pem === 'string' ? dkimKeyFault(pem) : `cannot be read: ${pem.reason}`;
    const path = filePath(['apps', slug, 'mail', 'dkim', 'private_key_file']);
    if (message !== undefined) faults.push({ path, message });
    const key = typeof pem === 'string' ? { private_key: pem } : {};
    return [slug, { ...app, mail: { ...app.mail, dkim: { ...dkim, ...key } } }];
  });
  return { apps: Object.fromEntries(read), faults };
}

function appsOf(raw: unknown): unknown {
  return typeof raw === 'object' && raw !== null && 'apps' in raw ? raw.apps : undefined;
}

/** A file may name any variable but Postern's own: a client must not be given the master secret. */
const isOwnVariable = (name: string): boolean =>
  name !== 'SMTP_URL' && VARIABLES.some((variable) => variable.name === name);

/** Without inherited names, so that `apps['constructor']` is no app (MT-02), and without readable client secrets. */
function keptApps(apps: Readonly<Record<string, AppSettings>>, folder: string): Config['apps'] {
  return bare(apps, (app) => ({
    ...app,
    mail: withTemplates(app.mail, folder),
    clients: bare(app.clients, withoutSecret),
  }));
}

/** A folder is named as seen from the file that names it, wherever the process was started. */
const withTemplates = (mail: AppSettings['mail'], folder: string): AppSettings['mail'] =>
  mail.templates === undefined ? mail : { ...mail, templates: resolve(folder, mail.templates) };

function bare<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  const result: Record<string, T> = Object.create(null);
  for (const [key, value] of Object.entries(record)) result[key] = change(value);
  return result;
}

/** SHA-256 suffices: secrets have at least 32 random characters (ASVS 6.5.2). */
function withoutSecret(client: ClientSettings): ClientSettings {
  const { client_secrets: listed } = client;
  return { ...hashed(client), ...(listed ? { client_secrets: listed.map(hashed) } : {}) };
}

function hashed<T extends Pick<ClientSettings, 'client_secret' | 'client_secret_hash'>>({
  client_secret: secret,
  ...kept
}: T): Omit<T, 'client_secret'> & { client_secret_hash?: string | undefined } {
  return secret === undefined
    ? kept
    : { ...kept, client_secret_hash: `sha256:${hash('sha256', secret, 'base64url')}` };
}

function exposureFaults(values: Values, machine: Machine): Fault[] {
  if (values.CONFIG !== undefined || machine.production || isLoopbackHost(machine.host)) return [];
  const message =
    'must be a loopback address while no CONFIG is given: whoever reaches the example apps can read every mail';
  return [{ path: 'HOST', message }];
}

const isLoopbackHost = (host: string): boolean => host === '::1' || isLoopback(host);

function notices(values: Values, machine: Machine, apps: Config['apps']): string[] {
  const found: string[] = [];
  if (values.CONFIG === undefined)
    found.push('CONFIG is not set: serving the example apps of config/dev.yaml');
  if (Object.keys(apps).length === 0) found.push('CONFIG names no apps: nobody can sign in anywhere');
  if (machine.production) return found;
  if (!isLoopbackHost(machine.host)) {
    found.push(
      `HOST ${machine.host} is open to the network, and this is not production: mails may be readable to all`,
    );
  }
  if (
    machine.smtpUrl === undefined &&
    Object.values(apps).some(({ mail }) => !mail.smtp_url && !mail.transports)
  ) {
    found.push('SMTP_URL is not set: mails are caught and shown at /dev/inbox');
  }
  return found;
}

function readText(path: string): string | { readonly reason: string } {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return { reason: error instanceof Error && 'code' in error ? String(error.code) : String(error) };
  }
}
