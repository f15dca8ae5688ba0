/** A passkey configuration that no browser or nobody could use, told at the start. */
import { type Fault, filePath } from './fault.ts';
import type { AppSettings } from './schema.ts';

export function checkPasskey(slug: string, issuer: string, { methods }: AppSettings): Fault[] {
  const { passkey, ...others } = methods;
  if (passkey === undefined) return [];
  const fault = (message: string, ...path: readonly PropertyKey[]): Fault => ({
    path: filePath(['apps', slug, 'methods', 'passkey', ...path]),
    message,
  });
  const faults: Fault[] = [];
  if (!Object.values(others).some((method) => method !== undefined))
    faults.push(fault('needs another method beside it, or nobody could make the first one: magic_link: {}'));
  const host = URL.parse(issuer)?.hostname;
  if (passkey.rp_id !== undefined && host !== undefined && !isOver(passkey.rp_id, host))
    faults.push(fault(`must be ${host}, the host of the issuer, or a domain above it`, 'rp_id'));
  for (const [index, origin] of passkey.related_origins.entries()) {
    if (URL.parse(origin)?.origin !== origin)
      faults.push(fault('must be an origin, such as https://shop.example', 'related_origins', index));
  }
  return faults;
}

/** WebAuthn §5.1.2: the host itself or a registrable domain above it; an address has nothing above. */
const isOver = (rpId: string, host: string): boolean =>
  rpId === host || (host.endsWith(`.${rpId}`) && rpId.includes('.') && !/^[\d.]+$/.test(host));
