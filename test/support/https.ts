/** A Postern behind a TLS proxy, as in production: https issuers, whose names are routed to the plain port. */
import { type Harness, type HarnessOptions, startPostern } from './harness.ts';
import { Browser, type RelyingParty } from './relying-party.ts';
import type { Route } from './wire.ts';

export const ORIGIN = 'https://id.example';

export interface SecureHarness {
  readonly harness: Harness;
  readonly route: Route;
  browser(): Browser;
  rp(slug?: string, clientId?: string): RelyingParty;
  close(): Promise<void>;
}

export async function startSecure(options: HarnessOptions = {}): Promise<SecureHarness> {
  const harness = await startPostern({ ...options, config: { ...options.config, baseUrl: ORIGIN } });
  const route: Route = () => ({ host: '127.0.0.1', port: Number(new URL(harness.url).port) });
  return {
    harness,
    route,
    browser: () => new Browser({ now: harness.clock.now, route }),
    rp: (slug = 'shop', clientId = 'web') =>
      harness.rp(slug, clientId, { issuer: `${ORIGIN}/${slug}`, route }),
    close: () => harness.close(),
  };
}
