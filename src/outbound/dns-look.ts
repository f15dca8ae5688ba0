/** Questions to the domain name system, each with an end, and with "there is none" told from "nobody answered". */
import { Resolver } from 'node:dns/promises';

/** `absent`: the name server says so. `failed`: no answer, or none that counts. */
export type Looked<T> =
  | { readonly is: 'found'; readonly values: readonly T[] }
  | { readonly is: 'absent' }
  | { readonly is: 'failed'; readonly code: string };

export interface DnsLook {
  /** Each record whole, however many strings it is made of (RFC 7208 §3.3). */
  txt(name: string): Promise<Looked<string>>;
  mx(name: string): Promise<Looked<{ readonly exchange: string; readonly priority: number }>>;
  /** IPv4 and IPv6. */
  addresses(name: string): Promise<Looked<string>>;
}

const TIMEOUT_MS = 3000;
const TRIES = 2;
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/** @param servers `address` or `address:port`; default: those of the system. Throws when one is no address. */
export function createDnsLook(servers: readonly string[] = []): DnsLook {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  const look = async <T>(asked: Promise<readonly T[]>): Promise<Looked<T>> => {
    try {
      const values = await asked;
      return values.length === 0 ? { is: 'absent' } : { is: 'found', values };
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'fault';
      return ABSENT.has(code) ? { is: 'absent' } : { is: 'failed', code };
    }
  };
  return {
    txt: (name) => look(resolver.resolveTxt(name).then((records) => records.map((parts) => parts.join('')))),
    mx: (name) => look(resolver.resolveMx(name)),
    addresses: async (name) => {
      const both = await Promise.all([look(resolver.resolve4(name)), look(resolver.resolve6(name))]);
      const values = both.flatMap((one) => (one.is === 'found' ? one.values : []));
      if (values.length > 0) return { is: 'found', values };
      return both.find((one) => one.is === 'failed') ?? { is: 'absent' };
    },
  };
}
