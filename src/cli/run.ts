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
  const command = commandOf(words);
  if (command === undefined) {
    return misused(words.length === 0 ? 'no command given' : `unknown command: ${words.join(' ')}`, surface);
  }
  const operands = words.slice(command.name.split(' ').length);
  if (operands.length !== (command.operands?.length ?? 0)) {
    return misused(`this command is: ${usageOf(command)}`, surface);
  }
  const flags = flagsOf(command, options);
  return typeof flags === 'string' ? misused(flags, surface) : command.run(flags, surface, operands);
}

/** The one with the longest name that begins these words: `secret client` is not `secret` with an operand. */
function commandOf(words: readonly string[]): Command | undefined {
  const matching = COMMANDS.filter(({ name }) =>
    name.split(' ').every((word, index) => word === words[index]),
  );
  return matching.toSorted((a, b) => b.name.length - a.name.length)[0];
}

const usageOf = ({ name, operands = [] }: Command): string =>
  [name, ...operands.map((operand) => `<${operand}>`)].join(' ');

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
  const lines = COMMANDS.flatMap((command) => [
    `  ${usageOf(command).padEnd(32)}${command.summary}`,
    ...Object.entries(command.flags ?? {}).map(([flag, meaning]) => `    --${flag.padEnd(28)}${meaning}`),
  ]);
  return ['usage: npm run postern -- <command>', '', ...lines].join('\n');
}
