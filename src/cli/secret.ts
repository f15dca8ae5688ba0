import { hash } from 'node:crypto';
import { randomBuffer, randomToken } from '../core/random.ts';
import { type Command, EXIT } from './command.ts';

export const secret: Command = {
  name: 'secret',
  summary: 'print a fresh SECRET_KEY',
  async run(_flags, { print }) {
    print(randomBuffer(32).toString('base64'));
    return EXIT.ok;
  },
};

/** The secret goes to the client, the hash into a file that may be read by others. */
export const clientSecret: Command = {
  name: 'secret client',
  summary: 'print a fresh client secret and its hash for the configuration file',
  async run(_flags, { print }) {
    const made = randomToken(32);
    print(`client_secret: ${made}`);
    print(`client_secret_hash: sha256:${hash('sha256', made, 'base64url')}`);
    return EXIT.ok;
  },
};
