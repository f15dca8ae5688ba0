/** Finds the command that was typed, reads its flags, runs it. */
import { parseArgs } from 'node:util';
import { auditList } from './audit.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { configCheck } from './config-check.ts';
import { configSchema } from './config-schema.ts';
import { consentsList, consentsRevoke } from './consents.ts';
import { doctor } from './doctor.ts';
import { familiesList, familiesRevoke } from './families.ts';
import { generate } from './generate.ts';
import { keysList, keysRotate } from './keys.ts';
import { mailDead, mailList, mailRetry, mailShow } from './mail.ts';
import { mailBounce } from './mail-bounce.ts';
import {
  suppressionsAdd,
  suppressionsCheck,
  suppressionsList,
  suppressionsRemove,
} from './mail-suppressions.ts';
import {
  templateCheck,
  templateList,
  templatePreview,
  templateRemove,
  templateSet,
  templateShow,
} from './mail-templates.ts';
import { mailTestSend } from './mail-test-send.ts';
import { passkeysList, passkeysRemove } from './passkeys.ts';
import { clientSecret, secret } from './secret.ts';
import { secretReseal, secretStatus } from './secret-rotation.ts';
import { secretSeal } from './secret-seal.ts';
import { storeBackup } from './store-backup.ts';
import { storeCheck } from './store-check.ts';
import { storeEpoch } from './store-epoch.ts';
import { storeMigrate } from './store-migrate.ts';
import { storeRestore } from './store-restore.ts';
import { usersDisable, usersEnable, usersList, usersRemove } from './users.ts';
import { usersImport } from './users-import.ts';

export const COMMANDS: readonly Command[] = [
  configCheck,
  configSchema,
  doctor,
  generate,
  secret,
  clientSecret,
  secretSeal,
  secretStatus,
  secretReseal,
  keysList,
  keysRotate,
  familiesList,
  familiesRevoke,
  usersList,
  usersImport,
  usersDisable,
  usersEnable,
  usersRemove,
  consentsList,
  consentsRevoke,
  passkeysList,
  passkeysRemove,
  mailList,
  mailShow,
  mailDead,
  mailRetry,
  storeCheck,
  storeMigrate,
  storeBackup,
  storeRestore,
  storeEpoch,
  auditList,
  mailBounce,
  suppressionsList,
  suppressionsCheck,
  suppressionsAdd,
  suppressionsRemove,
  templateSet,
  templateCheck,
  templateList,
  templateShow,
  templateRemove,
  templatePreview,
  mailTestSend,
];

export async function runCommand(args: readonly string[], surface: Surface): Promise<ExitCode> {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const command = commandOf(words);
  if (args.includes('--help') || args.includes('-h')) {
    surface.print(helpFor(command, words));
    return EXIT.ok;
  }
  const misused = (reason: string): ExitCode => {
    surface.complain(`${reason}\n\n${helpFor(command, words)}`);
    return EXIT.usage;
  };
  if (command === undefined) {
    return misused(words.length === 0 ? 'no command given' : `unknown command: ${words.join(' ')}`);
  }
  const read = readArgs(command, args);
  if (typeof read === 'string') return misused(read);
  const given = read.words.slice(command.name.split(' ').length);
  const { operands = [] } = command;
  const missing = operands
    .slice(given.length)
    .filter(isNeeded)
    .map((operand) => `<${operand}>`);
  if (missing.length > 0) return misused(`missing: ${missing.join(' ')}`);
  const tooMany = given.slice(operands.length);
  if (tooMany.length > 0) return misused(`not understood: ${tooMany.join(' ')}`);
  return command.run(read.flags, surface, given, read.values);
}

/** The one with the longest name that begins these words: `secret client` is not `secret` with an operand. */
function commandOf(words: readonly string[]): Command | undefined {
  const matching = COMMANDS.filter(({ name }) =>
    name.split(' ').every((word, index) => word === words[index]),
  );
  return matching.toSorted((a, b) => b.name.length - a.name.length)[0];
}

const usageOf = ({ name, operands = [] }: Command): string =>
  [
    name,
    ...operands.map((operand) => (isNeeded(operand) ? `<${operand}>` : `[${operand.slice(0, -1)}]`)),
  ].join(' ');

const isNeeded = (operand: string): boolean => !operand.endsWith('?');

interface Read {
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, boolean>>;
  readonly values: Readonly<Record<string, string>>;
}

/** `--after -x` as `--after=-x`: ids may begin with a dash, and would be taken for an option. */
function joined(args: readonly string[], options: readonly string[]): string[] {
  const out: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const [arg = '', next] = [args[at], args[at + 1]];
    const takesNext = next !== undefined && options.some((name) => arg === `--${name}`);
    out.push(takesNext ? `${arg}=${next}` : arg);
    if (takesNext) at += 1;
  }
  return out;
}

/** A sentence for the person when the arguments do not fit the command. */
function readArgs(command: Command, args: readonly string[]): Read | string {
  const flags = Object.keys(command.flags ?? {}).map((name) => [name, { type: 'boolean' }] as const);
  const options = Object.keys(command.options ?? {}).map((name) => [name, { type: 'string' }] as const);
  try {
    const { values, positionals } = parseArgs({
      args: joined(args, Object.keys(command.options ?? {})),
      options: Object.fromEntries<{ type: 'boolean' | 'string' }>([...flags, ...options]),
      allowPositionals: true,
      strict: true,
    });
    const given = Object.entries(values);
    return {
      words: positionals,
      flags: Object.fromEntries(given.filter((entry): entry is [string, boolean] => entry[1] === true)),
      values: Object.fromEntries(
        given.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      ),
    };
  } catch (error) {
    // What follows the first sentence is advice on operands that begin with a dash; none of ours may.
    return (error instanceof Error ? error.message : String(error)).split(/\.\s/)[0] ?? '';
  }
}

/** All of one command; else the group that was named, such as `users`; else the whole list, in brief. */
function helpFor(command: Command | undefined, [first]: readonly string[]): string {
  if (command) {
    const { name } = command;
    const deeper = COMMANDS.filter((other) => other.name.startsWith(`${name} `)).map(lineOf);
    const more = deeper.length === 0 ? [] : ['', ...deeper];
    return [`usage: npm run postern -- ${usageOf(command)}`, '', ...detailsOf(command), ...more].join('\n');
  }
  const group = COMMANDS.filter(({ name }) => name.split(' ')[0] === first);
  return [
    `usage: npm run postern -- ${group.length > 0 ? first : '<command>'} …`,
    '',
    ...(group.length > 0 ? group.flatMap(detailsOf) : COMMANDS.map(lineOf)),
    ...(group.length > 0 ? [] : ['', 'What a command takes: npm run postern -- <command> --help']),
  ].join('\n');
}

const lineOf = (command: Command): string => `  ${usageOf(command).padEnd(32)}${command.summary}`;

const detailsOf = (command: Command): string[] => [
  lineOf(command),
  ...Object.entries(command.flags ?? {}).map(([flag, meaning]) => `    --${flag.padEnd(28)}${meaning}`),
  ...Object.entries(command.options ?? {}).map(
    ([name, meaning]) => `    --${`${name} <value>`.padEnd(28)}${meaning}`,
  ),
];
