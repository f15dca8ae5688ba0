import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFault } from '../../src/config/fault.ts';
import { type LoadOptions, type LoadResult, loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';

/** 32 bytes without a pattern; what a manual would never print. */
export const KEY = 'f3yGf1mJ0dQ8m4d5nq6m0Zt2b9uQe7oVxS1hK3wPzLk=';
export const OTHER_KEY = 'x1V7q0bN4sYtR8uC2mE6oPzKfLhJdGaWi5T9e3HvXkQ=';

export const HOOK_SECRET = `whsec_${KEY}`;

/** 2048 bits, PEM; made for each run. */
export const RSA_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

/** Everything that production asks for, except the file. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://id.example',
  SECRET_KEY: KEY,
  SMTP_URL: 'smtp://user:pass@mail.example:587',
} as const;

/** A directory of its own for each test; `load` reads the YAML, if any, as its configuration file. */
export class Workplace {
  readonly path = mkdtempSync(join(tmpdir(), 'postern-config-'));

  load(env: NodeJS.ProcessEnv, yaml?: string, options: LoadOptions = {}): LoadResult {
    const file = join(this.path, 'config.yaml');
    if (yaml !== undefined) writeFileSync(file, yaml);
    return loadConfig(
      { ...(yaml === undefined ? {} : { CONFIG: file }), ...env },
      { cwd: this.path, ...options },
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function configOf(result: LoadResult): Config {
  if (!result.ok) throw new Error(result.faults.map(describeFault).join('\n'));
  return result.config;
}

/** `path: message` of every fault; none when the configuration was accepted. */
export const faultsOf = (result: LoadResult): string[] => (result.ok ? [] : result.faults.map(describeFault));
