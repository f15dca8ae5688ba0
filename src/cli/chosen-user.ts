/** The user whom a command names by `--user`. */
import { Accounts } from '../accounts/accounts.ts';
import { Credentials } from '../accounts/credentials.ts';
import type { App } from '../apps/apps.ts';
import { parseEmailAddress } from '../core/email-address.ts';
import type { Deployment } from './deployment.ts';

/** Undefined for an address that no user has. An id may be that of a user who is gone: what is left can still be ended. */
export async function chosenUser(
  app: App,
  user: string,
  { store, clock }: Pick<Deployment, 'store' | 'clock'>,
): Promise<string | undefined> {
  const address = parseEmailAddress(user);
  if (!address) return user;
  return (await new Accounts(store, clock, new Credentials(store, clock)).findByAddress(app.id, address))?.id;
}
