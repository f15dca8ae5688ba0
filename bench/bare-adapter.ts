/**
 * What oidc-provider asks of a store, as plain maps in this process: nothing is copied, hashed, sealed or written down, so
 * this is the most that the engine can do, and all of it is gone with the process.
 */
import type { Adapter, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

const rows = new Map<string, Entry>();
const byUid = new Map<string, string>();
const byGrant = new Map<string, Set<string>>();

export class BareAdapter implements Adapter {
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const key = this.#key(id);
    rows.set(key, {
      payload,
      expiresAt: expiresIn ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY,
    });
    if (this.#model === 'Session' && payload.uid !== undefined) byUid.set(payload.uid, id);
    if (payload.grantId !== undefined && this.#model !== 'Session' && this.#model !== 'Interaction') {
      const members = byGrant.get(payload.grantId);
      if (members) members.add(key);
      else byGrant.set(payload.grantId, new Set([key]));
    }
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const entry = rows.get(this.#key(id));
    return entry && entry.expiresAt > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const id = byUid.get(uid);
    return id === undefined ? undefined : this.find(id);
  }

  /** Device flow is off. */
  async findByUserCode(): Promise<undefined> {
    return undefined;
  }

  async consume(id: string): Promise<void> {
    const entry = rows.get(this.#key(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    const key = this.#key(id);
    const grantId = rows.get(key)?.payload.grantId;
    rows.delete(key);
    if (grantId !== undefined) byGrant.get(grantId)?.delete(key);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const key of byGrant.get(grantId) ?? []) rows.delete(key);
    byGrant.delete(grantId);
  }

  #key(id: string): string {
    return `${this.#model}:${id}`;
  }
}
