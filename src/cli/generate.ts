import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { GENERATED_FILES, type GeneratedFile } from './generated-files.ts';
import { languageFaults } from './language-faults.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

export const generate: Command = {
  name: 'generate',
  summary: 'write the generated files of this repository',
  flags: { check: 'only compare, and fail when one is stale or a language lacks a text' },
  run: async (flags, surface) => {
    const isCheck = flags.check === true;
    const code = await generateFiles(GENERATED_FILES, REPOSITORY, isCheck, surface);
    const faults = isCheck ? languageFaults() : [];
    for (const fault of faults) surface.complain(fault);
    return faults.length > 0 ? EXIT.failed : code;
  },
};

/** Writes, or with `isCheck` only compares, each file below `root`. */
export async function generateFiles(
  files: readonly GeneratedFile[],
  root: string,
  isCheck: boolean,
  surface: Pick<Surface, 'print' | 'complain'>,
): Promise<ExitCode> {
  let stale = 0;
  for (const { path, make } of files) {
    const made = make();
    const target = join(root, path);
    if ((await textOf(target)) === made) continue;
    stale += 1;
    if (isCheck) {
      surface.complain(`${path} is stale: run npm run generate`);
    } else {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, made);
      surface.print(`wrote ${path}`);
    }
  }
  if (stale === 0) surface.print(`${files.length} generated files are up to date`);
  return isCheck && stale > 0 ? EXIT.failed : EXIT.ok;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
