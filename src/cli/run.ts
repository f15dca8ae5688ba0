/** Finds the command that was typed, reads its flags, runs it. */
import { parseArgs } from 'node:util';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { configCheck } from './config-check.ts';
import { configSchema } from './config-schema.ts';
import { generate } from './generate.ts';
import { clientSecret, secret } from './secret.ts';

export const COMMANDS: readonly Command[] = [configCheck, configSchema, generate, secret, clientSecret];

export async function runCommand(args: readonly string[], surface: Surface): Promise<ExitCode> {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const options = args.filter((arg) => arg.startsWith('-'));
  if (options.includes('--help') || options.includes('-h')) {
    surface.print(help());
    return EXIT.ok;
  }
  const command = COMMANDS.find(({ name }) => name === words.join(' '));
  if (command === undefined) {
    return misused(words.length === 0 ? 'no command given' : `unknown command: ${words.join(' ')}`, surface);
  }
  const flags = flagsOf(command, options);
  return typeof flags === 'string' ? misused(flags, surface) : command.run(flags, surface);
}

function misused(reason: string, surface: Surface): ExitCode {
  surface.complain(`${reason}\n\n${help()}`);
  return EXIT.usage;
}

function flagsOf(command: Command, options: readonly string[]): Record<string, boolean> | string {
  const known = Object.keys(command.flags ?? {}).map((name) => [name, { type: 'boolean' }] as const);
  try {
    const { values } = parseArgs({ args: [...options], options: Object.fromEntries(known), strict: true });
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === true]));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function help(): string {
  const lines = COMMANDS.flatMap(({ name, summary, flags }) => [
    `  ${name.padEnd(16)}${summary}`,
    ...Object.entries(flags ?? {}).map(([flag, meaning]) => `    --${flag.padEnd(12)}${meaning}`),
  ]);
  return ['usage: npm run postern -- <command>', '', ...lines].join('\n');
}
