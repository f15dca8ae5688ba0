/**
 * The envelope sender of each mail (VERP): a bounce comes back to it even when it quotes nothing of the mail, and nobody can
 * make one up, because it ends in a MAC. Hex digits, since servers change the case of addresses.
 */

import type { App } from '../../apps/apps.ts';
import { isSameSecret } from '../../core/hash.ts';
import type { AppId } from '../../core/ids.ts';
import type { Keyring } from '../../core/keyring.ts';
import type { LoadedMail } from '../outbox.ts';

/** 80 bits: guessed online only, and a hit would still need that mail's recipient. */
const MAC_DIGITS = 20;
const TOKEN = /^[^@+]+\+([0-9a-f]{32})([0-9a-f]{20})@/i;

/** @param bounces such as `bounces@shop.example`, of at most 11 characters before the @ (RFC 5321 §4.5.3.1.1) */
export function returnPath(keyring: Keyring, app: AppId, mailId: string, bounces: string): string {
  const at = bounces.lastIndexOf('@');
  const token = `${mailId}${macOf(keyring, app, mailId, keyring.current)}`;
  return `${bounces.slice(0, at)}+${token}${bounces.slice(at)}`;
}

/** With the app's `mail.bounce_address`, where it has one. */
export function withReturnPath(loaded: LoadedMail, mailId: string, app: App, keyring: Keyring): LoadedMail {
  const { bounce_address: bounces } = app.settings.mail;
  if (bounces === undefined) return loaded;
  return { ...loaded, mail: { ...loaded.mail, returnPath: returnPath(keyring, app.id, mailId, bounces) } };
}

/** Id of the mail that was sent with this address; undefined for any other address. */
export function mailOfReturnPath(keyring: Keyring, app: AppId, address: string): string | undefined {
  const [, id, mac] = TOKEN.exec(address.toLowerCase()) ?? [];
  if (id === undefined || mac === undefined) return undefined;
  const isOurs = keyring.versions.some((version) => isSameSecret(mac, macOf(keyring, app, id, version)));
  return isOurs ? id : undefined;
}

const macOf = (keyring: Keyring, app: AppId, mailId: string, version: string): string =>
  keyring.mac(app, 'return-path', [mailId], version).toString('hex').slice(0, MAC_DIGITS);
