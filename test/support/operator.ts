/** An operator at the command line, while the server of a harness runs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../src/cli/run.ts';
import type { Harness } from './harness.ts';

export interface Said {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** @param secret the one the harness was started with, as its only */
export function operator(
  harness: Harness,
  apps: Readonly<Record<string, object>>,
  secret: Buffer,
): (line: string, input?: string) => Promise<Said> {
  // The command checks the file as production code does; the harness does not.
  const file = JSON.stringify({ apps }).replaceAll('http://client.test', 'https://client.test');
  const config = join(harness.directory, 'config.yaml');
  writeFileSync(config, file);
  return async (line, input = '') => {
    const [out, err]: [string[], string[]] = [[], []];
    const code = await runCommand(line.split(' '), {
      env: {
        CONFIG: config,
        STORE_URL: harness.config.storeUrl,
        SECRET_KEY: secret.toString('base64'),
        BASE_URL: harness.url,
        OUTBOUND_ALLOW: harness.config.outboundAllow.join(','),
      },
      cwd: harness.directory,
      print: (text) => out.push(text),
      complain: (text) => err.push(text),
      input: async () => input,
    });
    return { code, out, err };
  };
}
