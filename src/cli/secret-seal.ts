import { describeFault } from '../config/fault.ts';
import { loadSecrets } from '../config/load.ts';
import { sealValue } from '../config/sealed-value.ts';
import { type Command, EXIT } from './command.ts';

const MAX_LENGTH = 6000;

/** Read from the standard input: an argument would stand in the shell's history and in every list of processes. */
export const secretSeal: Command = {
  name: 'secret seal',
  summary: 'read a credential from the standard input and print it sealed, for the configuration file',
  async run(_flags, { env, cwd, print, complain, input }) {
    const { secrets, faults } = loadSecrets(env, { cwd });
    if (faults.length > 0) {
      for (const fault of faults) complain(describeFault(fault));
      return EXIT.failed;
    }
    const value = (await input?.('value to seal: '))?.replace(/\r?\n$/, '') ?? '';
    if (value === '' || value.length > MAX_LENGTH) {
      complain(
        value === ''
          ? 'nothing to seal: give the value on the standard input'
          : `longer than ${MAX_LENGTH} characters`,
      );
      return EXIT.failed;
    }
    print(sealValue(secrets, value));
    return EXIT.ok;
  },
};
