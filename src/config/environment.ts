/**
 * What differs per machine: the environment variables, their defaults and bounds. The list is also the source of the
 * reference page. An empty variable counts as unset, because that is what a compose file makes of a missing one.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { SECOND } from '../core/clock.ts';
import type { Fault } from './fault.ts';
import { isSmtpUrl, SMTP_FORM } from './fields.ts';
import type { Config } from './schema.ts';
import { storeUrlFault } from './store-url.ts';

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

export const VARIABLES = [
  {
    name: 'NODE_ENV',
    type: '`production`, `development` or `test`',
    fallback: '`development`',
    description:
      '`production` switches every development helper off and refuses http, a missing, generated or guessable secret, and a deployment without a mail server.',
  },
  { name: 'PORT', type: '1 to 65535', fallback: '`3000`', description: 'Port to listen on.' },
  {
    name: 'HOST',
    type: 'address or host name',
    fallback: '`127.0.0.1`',
    description:
      'Address to listen on. Without CONFIG only a loopback address is accepted, because everybody who reaches the server can then read every mail.',
  },
  {
    name: 'BASE_URL',
    type: 'origin',
    fallback: '`http://localhost:{PORT}`; required in production',
    description:
      'Where browsers reach Postern: scheme, host and port, nothing else. Every URL that leaves Postern is built from it or from an issuer, never from a request. https in production.',
  },
  {
    name: 'STORE_URL',
    type: '`sqlite:path`, `mongodb://…` or `mongodb+srv://…`',
    fallback: '`sqlite:data/postern.db`',
    description: 'Where everything is kept. Relative paths start at the working directory.',
  },
  {
    name: 'STORE_URL_FILE',
    type: 'path',
    fallback: 'none',
    description: 'File that holds what STORE_URL would, because that may carry a password.',
  },
  {
    name: 'SECRET_KEY',
    type: '32 bytes in base64; several separated by commas',
    fallback: 'development: made once in `data/secret.key`; required in production',
    description:
      'Master secret from which all keys are derived. To rotate, put a new one in front and keep the old one behind it until nothing names it any more. `npm run postern -- secret` prints a fresh one.',
  },
  {
    name: 'SECRET_KEY_FILE',
    type: 'path',
    fallback: 'none',
    description: 'File that holds what SECRET_KEY would, one secret per line; instead of SECRET_KEY.',
  },
  {
    name: 'SMTP_URL',
    type: '`smtp://…` or `smtps://…`',
    fallback: 'none: mail is caught and shown at `/dev/inbox`',
    description:
      'Mail server for apps without `mail.smtp_url`. In production every app needs one of the two.',
  },
  {
    name: 'CONFIG',
    type: 'path',
    fallback: '`config/dev.yaml`; required in production',
    description: 'Configuration file, see below.',
  },
  {
    name: 'LOG_LEVEL',
    type: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    fallback: '`info`',
    description: 'What is logged. No level logs secrets, tokens or addresses in clear.',
  },
  {
    name: 'TRUSTED_PROXIES',
    type: 'addresses or CIDR blocks, separated by commas',
    fallback: 'none',
    description: 'Proxies whose `X-Forwarded-For` counts. From anybody else it is ignored.',
  },
  {
    name: 'OUTBOUND_ALLOW',
    type: 'addresses or CIDR blocks, separated by commas',
    fallback: 'none',
    description:
      'Addresses that are not public and may yet be called for a client: its key set, its back-channel logout. All other private, loopback and link-local addresses are refused at the moment of connecting.',
  },
  {
    name: 'WORKERS',
    type: '1 to 64, or `auto`',
    fallback: '`1`',
    description:
      'Processes that share the port, on this machine; `auto` = one for each core. A dead one is replaced. They share nothing but the store, as do several machines (on MongoDB).',
  },
  {
    name: 'METRICS_PORT',
    type: '1 to 65535',
    fallback: 'none: no metrics',
    description:
      'Port on which `/metrics` is served in the text format of Prometheus, for all workers together. Not meant for the public: nothing there names a person, but it tells how busy each app is.',
  },
  {
    name: 'METRICS_HOST',
    type: 'address or host name',
    fallback: '`127.0.0.1`',
    description: 'Address to serve metrics on.',
  },
  {
    name: 'STOP_DELAY',
    type: '`0s` to `60s`',
    fallback: '`0s`',
    description:
      'How long the server goes on after SIGTERM with `/health/ready` saying 503, so that a balancer stops sending; then it takes no more connections, ends what is under way (30 s at most) and exits. A second signal ends it at once.',
  },
] as const satisfies readonly Variable[];

export type VariableName = (typeof VARIABLES)[number]['name'];

export type Values = Readonly<Partial<Record<VariableName, string>>>;

/** The variables of ours that are set; surrounding blanks come from env files and mean nothing. */
export function valuesOf(env: NodeJS.ProcessEnv): Values {
  const set = VARIABLES.map(({ name }) => [name, env[name]?.trim()] as const);
  return Object.fromEntries(set.filter(([, value]) => value !== undefined && value !== ''));
}

/** What the process around the server needs to know; the server itself does not. */
export interface ProcessSettings {
  readonly workers: number;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly stopDelayMs: number;
}

export type Machine = Pick<
  Config,
  | 'production'
  | 'host'
  | 'port'
  | 'baseUrl'
  | 'storeUrl'
  | 'smtpUrl'
  | 'logLevel'
  | 'trustedProxies'
  | 'outboundAllow'
>;

/** Reads everything but CONFIG and the secrets. A faulty value is replaced by its default, so that the rest can be checked. */
export function readMachine(values: Values): {
  machine: Machine;
  processes: ProcessSettings;
  faults: Fault[];
} {
  const faults: Fault[] = [];
  const read = <T>(name: VariableName, parse: (value: string) => T | Wrong, fallback: T): T => {
    const value = values[name];
    if (value === undefined) return fallback;
    const parsed = parse(value);
    if (!(parsed instanceof Wrong)) return parsed;
    faults.push({ path: name, message: parsed.message });
    return fallback;
  };
  const production = read('NODE_ENV', parseMode, false);
  const port = read('PORT', parsePort, 3000);
  if (production && values.BASE_URL === undefined) {
    faults.push({ path: 'BASE_URL', message: 'is required in production, such as https://auth.example.com' });
  }
  const metricsPort = read<number | undefined>('METRICS_PORT', parsePort, undefined);
  const metricsHost = read('METRICS_HOST', parseHost, '127.0.0.1');
  if (metricsPort === undefined && values.METRICS_HOST !== undefined) {
    faults.push({ path: 'METRICS_HOST', message: 'needs METRICS_PORT' });
  }
  if (metricsPort === port) faults.push({ path: 'METRICS_PORT', message: 'must not be PORT' });
  const processes: ProcessSettings = {
    workers: read('WORKERS', parseWorkers, 1),
    metrics: metricsPort === undefined ? undefined : { host: metricsHost, port: metricsPort },
    stopDelayMs: read('STOP_DELAY', parseStopDelay, 0),
  };
  const machine: Machine = {
    production,
    port,
    host: read('HOST', parseHost, '127.0.0.1'),
    baseUrl: read('BASE_URL', (value) => parseBaseUrl(value, production), `http://localhost:${port}`),
    storeUrl: read('STORE_URL', parseStoreUrl, 'sqlite:data/postern.db'),
    smtpUrl: read<string | undefined>(
      'SMTP_URL',
      (value) => (isSmtpUrl(value) ? value : new Wrong(SMTP_FORM)),
      undefined,
    ),
    logLevel: read('LOG_LEVEL', parseLevel, 'info'),
    trustedProxies: read('TRUSTED_PROXIES', (value) => parseBlocks(value, 'would believe everybody'), []),
    outboundAllow: read('OUTBOUND_ALLOW', (value) => parseBlocks(value, 'would allow every address'), []),
  };
  return { machine, processes, faults };
}

/** Why a value is refused; never quotes one that may be a secret. */
class Wrong {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** A misspelt `production` would silently switch the development helpers on (RL-20). */
function parseMode(value: string): boolean | Wrong {
  if (value === 'production') return true;
  return value === 'development' || value === 'test'
    ? false
    : new Wrong('must be production, development or test');
}

function parsePort(value: string): number | Wrong {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  return port >= 1 && port <= 65_535 ? port : new Wrong('must be a port from 1 to 65535');
}

function parseHost(value: string): string | Wrong {
  const isName =
    /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
  return isIP(value) > 0 || isName.test(value)
    ? value
    : new Wrong('must be an address or a host name, without a port');
}

function parseBaseUrl(value: string, production: boolean): string | Wrong {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol))
    return new Wrong('must be an origin such as https://auth.example.com');
  if (url.origin !== value) return new Wrong(`must be scheme, host and port only: ${url.origin}`);
  return production && url.protocol !== 'https:' ? new Wrong('must be https in production') : value;
}

function parseStoreUrl(value: string): string | Wrong {
  const fault = storeUrlFault(value);
  return fault === undefined ? value : new Wrong(fault);
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

function parseLevel(value: string): Config['logLevel'] | Wrong {
  return LEVELS.find((level) => level === value) ?? new Wrong(`must be one of ${LEVELS.join(', ')}`);
}

/** @param everything what is wrong with a block of all addresses, which would void the check that the list is for */
function parseBlocks(value: string, everything: string): readonly string[] | Wrong {
  const blocks = value.split(',').map((block) => block.trim());
  const wrong = blocks.flatMap((block) => blockFault(block, everything) ?? []);
  return wrong.length === 0 ? blocks : new Wrong(wrong.join('; '));
}

function blockFault(block: string, everything: string): string | undefined {
  const [address = '', prefix, ...rest] = block.split('/');
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  const isRange = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most);
  if (family === 0 || rest.length > 0 || !isRange)
    return `${block || 'an empty entry'} is neither an address nor a CIDR block`;
  // Whoever is believed may pretend to be anybody, and every limit per network is void (WB-06, RL-20).
  return prefix !== undefined && Number(prefix) === 0 ? `${block} ${everything}` : undefined;
}

const MAX_WORKERS = 64;

function parseWorkers(value: string): number | Wrong {
  if (value === 'auto') return Math.min(MAX_WORKERS, availableParallelism());
  const workers = /^[1-9]\d?$/.test(value) ? Number(value) : 0;
  return workers >= 1 && workers <= MAX_WORKERS
    ? workers
    : new Wrong('must be a number from 1 to 64, or auto');
}

function parseStopDelay(value: string): number | Wrong {
  const seconds = /^(\d{1,2})s$/.exec(value)?.[1];
  return seconds !== undefined && Number(seconds) <= 60
    ? Number(seconds) * SECOND
    : new Wrong('must be a number of seconds from 0s to 60s');
}
