/** Which store a command works on, and how it is named to people: never with a password. */
import { readMachine, valuesOf } from '../config/environment.ts';
import { describeFault } from '../config/fault.ts';
import { withFileValues } from '../config/file-values.ts';
import { StoreUnavailable } from '../store/port.ts';
import { EXIT, type ExitCode, type Surface } from './command.ts';

/** STORE_URL as the server reads it; undefined, with the fault told, when it cannot be. */
export function storeUrl({ env, cwd, complain }: Surface): string | undefined {
  const { values, faults: fileFaults } = withFileValues(valuesOf(env), cwd);
  const { machine, faults } = readMachine(values);
  const fault = [...fileFaults, ...faults].find(({ path }) => path.startsWith('STORE_URL'));
  if (!fault) return machine.storeUrl;
  complain(describeFault(fault));
  return undefined;
}

/** Whatever stands between `//` and the last `@`, also where a password holds characters that it should not. */
export const withoutPasswords = (text: string): string => text.replace(/\/\/[^\s]*@/g, '//***@');

/** Runs what a store may refuse; the reason is told in words and never with a stack or a password. */
export async function explained(
  { complain, progress }: Surface,
  act: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await act();
  } catch (thrown) {
    progress?.('');
    complain(withoutPasswords(reasonOf(thrown)));
    return EXIT.failed;
  }
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause =
    thrown instanceof StoreUnavailable && thrown.cause instanceof Error ? thrown.cause : undefined;
  return cause ? `${thrown.message}: ${cause.message}` : thrown.message;
}
