/**
 * Everything that is derived from or sealed under the master secret (`SECRET_KEY`).
 *
 * Several masters may be configured, newest first: new rows use the first, old rows name theirs by its version, so
 * the master can be rotated without spoiling mail in flight, tokens or stored credentials. Keys are derived per app
 * and purpose (HKDF-SHA-256, RFC 5869), so that neither an app nor a purpose can stand in for another.
 */
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto';
import { frame } from '../lib/frame.ts';
import type { AppId } from './ids.ts';
import { randomBuffer } from './random.ts';

/** What a derived key is for. A new use gets a new purpose, never an old one. */
export type Purpose =
  | 'challenge-link'
  | 'challenge-code'
  | 'challenge-pass'
  | 'refresh-successor'
  | 'seal'
  | 'cookie'
  | 'csrf'
  | 'dpop-nonce'
  | 'mailbox'
  | 'network'
  | 'message-id'
  | 'mail-log'
  | 'suppression'
  | 'return-path';

/** Keys that belong to no single app (the budget of one mailbox over all apps) are derived under this name. */
export type KeyScope = AppId | '*';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class Keyring {
  readonly #masters: ReadonlyMap<string, Buffer>;
  readonly #derived = new Map<string, Buffer>();
  /** Version that new rows name: the newest master. */
  readonly current: string;

  /** @param masters secrets of 32 bytes each, newest first; at least one. Throws on any other length. */
  constructor(masters: readonly Buffer[]) {
    const named = new Map<string, Buffer>();
    for (const master of masters) {
      if (master.length !== 32) throw new RangeError('a master secret has 32 bytes');
      named.set(versionOf(master), master);
    }
    const first = named.keys().next();
    if (first.done) throw new RangeError('at least one master secret is needed');
    this.#masters = named;
    this.current = first.value;
  }

  /** Versions of all configured masters, newest first. */
  get versions(): readonly string[] {
    return [...this.#masters.keys()];
  }

  /** 32-byte key for one scope and purpose. Throws when the master of that version is no longer configured. */
  key(scope: KeyScope, purpose: Purpose, version = this.current): Buffer {
    const name = `${version} ${purpose} ${scope}`;
    const known = this.#derived.get(name);
    if (known) return known;
    const master = this.#masters.get(version);
    if (!master) throw new Error(`the master secret of version ${version} is not configured any more`);
    const key = Buffer.from(hkdfSync('sha256', master, '', frame('postern', purpose, scope), 32));
    this.#derived.set(name, key);
    return key;
  }

  /** HMAC-SHA-256 over length-framed fields, 32 bytes. */
  mac(scope: KeyScope, purpose: Purpose, fields: readonly string[], version = this.current): Buffer {
    return createHmac('sha256', this.key(scope, purpose, version))
      .update(frame(...fields))
      .digest();
  }

  /** AES-256-GCM under the app's key: `version.nonce||ciphertext||tag`. `aad` ties the text to its place. */
  seal(scope: KeyScope, aad: string, text: string): string {
    const nonce = randomBuffer(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key(scope, 'seal'), nonce).setAAD(frame(scope, aad));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${this.current}.${sealed.toString('base64url')}`;
  }

  /** Opens what `seal` made for the same scope and aad; throws on anything else. */
  open(scope: KeyScope, aad: string, sealed: string): string {
    const dot = sealed.indexOf('.');
    const version = sealed.slice(0, dot);
    const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
    if (dot < 1 || bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('not a sealed value');
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.key(scope, 'seal', version),
      bytes.subarray(0, NONCE_BYTES),
    )
      .setAAD(frame(scope, aad))
      .setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    return (
      decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES), undefined, 'utf8') +
      decipher.final('utf8')
    );
  }
}

/** Names a master without telling anything of it: 48 bits of a one-way derivation. */
function versionOf(master: Buffer): string {
  const id = Buffer.from(hkdfSync('sha256', master, '', frame('postern', 'version'), 32));
  return hash('sha256', id, 'hex').slice(0, 12);
}
