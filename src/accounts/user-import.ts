/**
 * People from another system, with the hashes of their passwords. Repeated safely: who is there already is left as they
 * are, and what a crash cut short is finished.
 *
 * An address that nobody proved there is proved here before it counts: until then the password alone signs nobody in, and
 * the first proof of the mailbox drops whatever else came with it (AC-01).
 */
import type { Clock } from '../core/clock.ts';
import type { EmailAddress } from '../core/email-address.ts';
import { type AppId, asUserId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import type { UserRow } from './accounts.ts';
import type { Credentials } from './credentials.ts';

export interface ImportedUser {
  readonly address: EmailAddress;
  /** The other system saw the mailbox proved, and the operator trusts it. */
  readonly isProved: boolean;
  /** One that `readStoredHash` reads. */
  readonly passwordHash: string | undefined;
}

const KIND = 'user';

export class UserImport {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #credentials: Credentials;

  constructor(store: Store, clock: Clock, credentials: Credentials) {
    this.#store = store;
    this.#clock = clock;
    this.#credentials = credentials;
  }

  /** `exists`: somebody has this address already, by sign-in or by an earlier run. */
  async add(app: AppId, user: ImportedUser): Promise<'added' | 'finished' | 'exists'> {
    const { records } = this.#store;
    const now = this.#clock.now();
    const found = await records.findByKey<UserRow>(app, KIND, user.address.key, now);
    if (found) return (await this.#attach(app, found, user)) ? 'finished' : 'exists';
    const data: UserRow = {
      address: user.address.address,
      status: 'active',
      createdAt: now,
      imported: true,
      ...(user.isProved ? {} : { unproven: true }),
      known: [],
    };
    try {
      const draft = { id: randomToken(), key: user.address.key, data };
      await this.#attach(app, await records.insert<UserRow>(app, KIND, draft, now), user);
      return 'added';
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      return this.add(app, user);
    }
  }

  /** Never to somebody who came by another way, nor in the place of a password: then nothing is written. */
  async #attach(app: AppId, { id, data }: StoredRecord<UserRow>, user: ImportedUser): Promise<boolean> {
    if (data.imported !== true || user.passwordHash === undefined) return false;
    const owner = asUserId(id);
    const made = await this.#credentials.insert(app, {
      kind: 'password',
      owner,
      unique: [owner],
      label: '',
      // Dies with the first proof of the mailbox, whenever it was written.
      material: { hash: user.passwordHash, imported: !user.isProved },
    });
    return made !== undefined;
  }
}
