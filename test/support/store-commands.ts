/** `postern store …` as a person types it, without a process of its own. */
import { runCommand } from '../../src/cli/run.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function store(
  args: readonly string[],
  place: { readonly url: string; readonly cwd: string },
): Promise<Said> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommand(['store', ...args], {
    env: { STORE_URL: place.url },
    cwd: place.cwd,
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
