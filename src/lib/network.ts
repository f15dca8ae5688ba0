/** What counts as one sender of requests: a person owns a whole IPv6 network, and may use a new address of it each time. */
import { isIPv4, isIPv6 } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/**
 * The IPv4 address, or the /64 of an IPv6 address in one spelling (WB-07). Undefined for an address that is not public: that
 * is a proxy nobody has named, or the house's own network, and stands for more people than can be counted as one.
 */
export function networkOf(address: string): string | undefined {
  if (!isPublicAddress(address)) return undefined;
  if (isIPv4(address)) return address;
  return isIPv6(address) ? `${groupsOf(address).slice(0, 4).join(':')}::/64` : undefined;
}

/** All eight, in the one way of writing that a URL has. */
function groupsOf(address: string): readonly string[] {
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = written.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
}
