/**
 * Which origin a request is addressed to, by configuration: its Host is matched, never used (ML-70). Whoever asks from is
 * the peer, unless that is a trusted proxy (WB-06).
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export class Origins {
  readonly #byHost: ReadonlyMap<string, string>;

  constructor(origins: Iterable<string>) {
    this.#byHost = new Map([...origins].flatMap((origin) => hostsOf(origin).map((host) => [host, origin])));
  }

  /** The configured origin of this request; undefined when its Host is none of ours or there is more than one. */
  of(req: IncomingMessage): string | undefined {
    const { rawHeaders } = req;
    let hosts = 0;
    for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts += 1;
    return hosts === 1 ? this.#byHost.get((req.headers.host ?? '').toLowerCase()) : undefined;
  }
}

/** The default port may be written out (RFC 9110 §4.2.3). */
function hostsOf(origin: string): readonly string[] {
  const { host, port, protocol } = new URL(origin);
  return port === '' ? [host, `${host}:${protocol === 'https:' ? 443 : 80}`] : [host];
}

export class Peers {
  readonly #trusted = new BlockList();

  /** @param trusted addresses and CIDR blocks of proxies whose X-Forwarded-For counts */
  constructor(trusted: readonly string[]) {
    for (const entry of trusted) {
      const [address = '', bits] = entry.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  /** The right-most address that is no trusted proxy; v4-mapped addresses as IPv4 (WB-07). */
  addressOf(req: IncomingMessage): string {
    let address = plain(req.socket.remoteAddress ?? '');
    const forwarded = String(req.headers['x-forwarded-for'] ?? '').split(',');
    while (this.#isTrusted(address)) {
      const next = plain(forwarded.pop()?.trim() ?? '');
      if (isIP(next) === 0) break;
      address = next;
    }
    return address;
  }

  #isTrusted(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#trusted.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }
}

const plain = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
