/** `postern users import`: people from another system, one JSON object a line. */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { Credentials } from '../accounts/credentials.ts';
import { type ImportedUser, UserImport } from '../accounts/user-import.ts';
import { parseEmailAddress } from '../core/email-address.ts';
import { keycloakCredential, storedForm } from '../methods/password/imported-hash.ts';
import { type Command, EXIT } from './command.ts';
import { chosenApp, withDeployment } from './deployment.ts';

const line = z.strictObject({
  email: z.string(),
  /** Only `true` counts, and only as far as the other system is trusted. */
  email_verified: z.boolean().default(false),
  password_hash: z.union([z.string(), keycloakCredential]).optional(),
});

export const usersImport: Command = {
  name: 'users import',
  summary:
    'take over users: one JSON object a line with email, email_verified and password_hash; may be run again',
  operands: ['file'],
  options: { app: 'slug of the app; needed when there are several' },
  run: (_flags, surface, [file = ''], { app: slug }) =>
    withDeployment(surface, async ({ apps, store, clock }) => {
      const app = chosenApp(apps, slug, surface);
      if (!app) return EXIT.usage;
      const users = new UserImport(store, clock, new Credentials(store, clock));
      const counts = { added: 0, finished: 0, exists: 0, refused: 0 };
      let number = 0;
      try {
        const lines = createInterface({
          input: createReadStream(resolve(surface.cwd, file)),
          crlfDelay: Infinity,
        });
        for await (const text of lines) {
          number += 1;
          if (text.trim() === '') continue;
          const read = readLine(text);
          if (typeof read === 'string') {
            counts.refused += 1;
            // The number names it: no address leaves the file (ML-02).
            surface.complain(`line ${number}: ${read}`);
          } else counts[await users.add(app.id, read)] += 1;
          if (number % 1000 === 0) surface.progress?.(`${number} lines`);
        }
      } catch (fault) {
        if (!isMissing(fault)) throw fault;
        surface.complain(`cannot read ${file}`);
        return EXIT.usage;
      }
      const { added, finished, exists, refused } = counts;
      surface.print(
        `${added} added, ${finished} finished, ${exists} there already, ${refused} refused in ${app.slug}`,
      );
      return refused === 0 ? EXIT.ok : EXIT.failed;
    }),
};

/** What is wrong with it, as a text, or the user. */
function readLine(text: string): ImportedUser | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  const read = line.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    return `${issue?.path.join('.') || 'object'}: ${issue?.message ?? 'wrong'}`;
  }
  const { email, email_verified: isProved, password_hash: hash } = read.data;
  const address = parseEmailAddress(email);
  if (!address) return 'email: not an address';
  if (hash === undefined) return { address, isProved, passwordHash: undefined };
  const passwordHash = storedForm(hash);
  return passwordHash === undefined
    ? 'password_hash: of no known kind, or too costly to verify'
    : { address, isProved, passwordHash };
}

const isMissing = (fault: unknown): boolean =>
  fault instanceof Error && 'code' in fault && (fault.code === 'ENOENT' || fault.code === 'EISDIR');
