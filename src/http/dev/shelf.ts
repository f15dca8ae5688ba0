/**
 * What the development helpers put by for the other workers of this machine: caught mails and the visits of the
 * demonstration. Sealed, because both hold what signs somebody in (ML-03), and gone after an hour. With a single process
 * nothing is put here: memory does.
 */
import { type Clock, HOUR } from '../../core/clock.ts';
import type { Keyring } from '../../core/keyring.ts';
import { type Store, SYSTEM } from '../../store/port.ts';

const LIFETIME = HOUR;
/** All things of a shelf stand under this value of one index. */
const ALL = 'shelf';

export class Shelf {
  readonly #store: Pick<Store, 'artifacts'>;
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #model: string;

  constructor(
    { store, keyring, clock }: { store: Pick<Store, 'artifacts'>; keyring: Keyring; clock: Clock },
    name: 'mails' | 'visits',
  ) {
    this.#store = store;
    this.#keyring = keyring;
    this.#clock = clock;
    this.#model = `dev_${name}`;
  }

  async put(id: string, text: string): Promise<void> {
    const now = this.#clock.now();
    const sealed = this.#keyring.seal('*', this.#aad(id), text);
    const draft = { id, data: { sealed }, clientId: ALL, expiresAt: now + LIFETIME };
    await this.#store.artifacts.upsert(SYSTEM, this.#model, draft, now);
  }

  async find(id: string): Promise<string | undefined> {
    const row = await this.#store.artifacts.find(SYSTEM, this.#model, id, this.#clock.now());
    return row && this.#keyring.open('*', this.#aad(id), String(row.data.sealed));
  }

  async all(): Promise<readonly string[]> {
    const now = this.#clock.now();
    const rows = await this.#store.artifacts.findBy(SYSTEM, this.#model, 'clientId', ALL, now);
    return rows.map(({ id, data }) => this.#keyring.open('*', this.#aad(id), String(data.sealed)));
  }

  async remove(id: string): Promise<void> {
    await this.#store.artifacts.remove(SYSTEM, this.#model, id);
  }

  #aad(id: string): string {
    return `${this.#model}:${id}`;
  }
}
