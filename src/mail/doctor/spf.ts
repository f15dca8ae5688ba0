/** Reads an SPF record as a receiver does (RFC 7208), as far as the doctor has to know: who may send, at what cost. */
import { BlockList, isIP } from 'node:net';
import type { DnsLook } from '../../outbound/dns-look.ts';

/** RFC 7208 §4.6.4: a receiver gives up with a permanent error behind it. */
export const MAX_LOOKUPS = 10;
/** Ours; a record that leads in circles ends here. */
const MAX_WALK = 40;

export interface SpfReading {
  /** Records at the domain itself; more than one is an error (§4.5). */
  readonly records: readonly string[];
  readonly lookups: number;
  /** Every domain that was included or redirected to, lower case. */
  readonly included: ReadonlySet<string>;
  /** `+all`, `?all`, `~all`, `-all`; undefined without one. */
  readonly all: string | undefined;
  /** Names that a mechanism needs and that are not there, or did not answer. */
  readonly broken: readonly string[];
  /** Whether an address may send. */
  permits(address: string): boolean;
}

export async function readSpf(dns: DnsLook, domain: string): Promise<SpfReading | 'failed'> {
  const found = await dns.txt(domain);
  if (found.is === 'failed') return 'failed';
  const records = found.is === 'found' ? found.values.filter(isSpf) : [];
  const walk = new Walk(dns);
  const [record] = records;
  if (record !== undefined) await walk.follow(record, domain, true);
  const { lookups, included, all, broken, permitted } = walk;
  return {
    records,
    lookups,
    included,
    all,
    broken,
    permits: (address) => permitted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  };
}

const isSpf = (record: string): boolean => /^v=spf1(\s|$)/i.test(record);

class Walk {
  readonly #dns: DnsLook;
  readonly included = new Set<string>();
  readonly broken: string[] = [];
  readonly permitted = new BlockList();
  lookups = 0;
  all: string | undefined;
  #steps = 0;

  constructor(dns: DnsLook) {
    this.#dns = dns;
  }

  async follow(record: string, domain: string, isOwn: boolean): Promise<void> {
    for (const term of record.split(/\s+/).slice(1).filter(Boolean)) {
      this.#steps += 1;
      if (this.#steps > MAX_WALK) return;
      await this.#term(term, domain, isOwn);
    }
  }

  async #term(term: string, domain: string, isOwn: boolean): Promise<void> {
    const [, sign = '', name = '', value = ''] =
      /^([+?~-]?)([A-Za-z0-9]+)(?:[:=](.+)|(?=\/|$))/.exec(term) ?? [];
    const target = (value.split('/')[0] || domain).toLowerCase();
    switch (name.toLowerCase()) {
      case 'all':
        if (isOwn) this.all = `${sign || '+'}all`;
        return;
      case 'ip4':
      case 'ip6':
        if (sign === '' || sign === '+') this.#permit(value);
        return;
      case 'include':
      case 'redirect':
        this.lookups += 1;
        await this.#include(target, isOwn && name.toLowerCase() === 'redirect');
        return;
      case 'a':
        this.lookups += 1;
        await this.#permitHost(target);
        return;
      case 'mx':
        this.lookups += 1;
        await this.#permitExchanges(target);
        return;
      case 'ptr':
      case 'exists':
        this.lookups += 1;
        return;
      default:
        return;
    }
  }

  async #include(target: string, isOwn: boolean): Promise<void> {
    // Macros stand for the sender; what they lead to cannot be told beforehand.
    if (target.includes('%') || this.included.has(target)) return;
    this.included.add(target);
    const found = await this.#dns.txt(target);
    const record = found.is === 'found' ? found.values.find(isSpf) : undefined;
    if (record === undefined) this.broken.push(target);
    else await this.follow(record, target, isOwn);
  }

  async #permitHost(name: string): Promise<void> {
    const found = await this.#dns.addresses(name);
    for (const address of found.is === 'found' ? found.values : []) this.#permit(address);
  }

  async #permitExchanges(domain: string): Promise<void> {
    const found = await this.#dns.mx(domain);
    for (const { exchange } of found.is === 'found' ? found.values.slice(0, 10) : [])
      await this.#permitHost(exchange);
  }

  #permit(block: string): void {
    const [address = '', prefix] = block.split('/');
    const version = isIP(address);
    if (version === 0) return;
    const family = version === 6 ? 'ipv6' : 'ipv4';
    const most = version === 6 ? 128 : 32;
    const length = prefix === undefined ? most : Number(prefix);
    if (Number.isInteger(length) && length >= 0 && length <= most)
      this.permitted.addSubnet(address, length, family);
  }
}
