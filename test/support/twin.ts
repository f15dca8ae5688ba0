/** A second server instance on the same store and issuers: what two processes behind one load balancer are. */
import type { Config } from '../../src/config/schema.ts';
import { type Harness, startPostern } from './harness.ts';
import type { RelyingParty } from './relying-party.ts';
import type { Route } from './wire.ts';

export interface Twin {
  readonly harness: Harness;
  /** Sends what is meant for the first server's address to the second. */
  readonly route: Route;
  /** The same client, whose calls reach the second server. */
  rp(slug?: string, clientId?: string, more?: object): RelyingParty;
  close(): Promise<void>;
}

export async function startTwin(first: Harness, config: Partial<Config> = {}): Promise<Twin> {
  const { baseUrl, apps, secrets } = first.config;
  const harness = await startPostern({
    directory: first.directory,
    clock: first.clock,
    inbox: first.inbox,
    config: { baseUrl, apps, secrets, ...config },
  });
  const route: Route = () => ({ host: '127.0.0.1', port: Number(new URL(harness.url).port) });
  return {
    harness,
    route,
    rp: (slug, clientId, more) => first.rp(slug, clientId, { route, ...more }),
    close: () => harness.close(),
  };
}
