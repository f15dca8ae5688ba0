/**
 * Which addresses of the network are somebody else's (OA-40, OA-41). Everything that is not known to be globally
 * reachable is refused: loopback, private and link-local networks, cloud metadata, and every form in which IPv6 carries
 * such an IPv4 address (RFC 6890 and the IANA special-purpose registries).
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];
/** Of IPv6 only 2000::/3 is given out for global use (RFC 4291 §2.4); these parts of it are not. */
const GLOBAL_V6 = ['2000::/3'];
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];
/** Stands for the IPv4 address in its last 32 bits (RFC 6052 §2.1): what counts is that one. */
const NAT64 = listOf(['64:ff9b::/96']);

const special = listOf([...SPECIAL_V4, ...SPECIAL_V6]);
const globalV6 = listOf(GLOBAL_V6);

/** Addresses and CIDR blocks, of which a list was checked before; throws on anything else. */
export function listOf(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Whether a connection to this address leaves the house. False for everything that is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  const embedded = embeddedIPv4(address);
  if (embedded !== undefined) return NAT64.check(address, 'ipv6') && !special.check(embedded, 'ipv4');
  return globalV6.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

export function isListed(list: BlockList, address: string): boolean {
  if (isIPv4(address)) return list.check(address, 'ipv4');
  return isIPv6(address) && list.check(address, 'ipv6');
}

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const TRANSLATED = /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/;

/** The IPv4 address that a v4-mapped or NAT64 address stands for. */
function embeddedIPv4(address: string): string | undefined {
  // One way of writing, whatever resolver or URL wrote it.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high = '0', low = '0'] = MAPPED.exec(written) ?? TRANSLATED.exec(written) ?? [];
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  const isEmbedded = MAPPED.test(written) || TRANSLATED.test(written);
  return isEmbedded ? [a >> 8, a & 255, b >> 8, b & 255].join('.') : undefined;
}
