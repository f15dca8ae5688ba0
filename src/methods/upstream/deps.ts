/** What the steps of this method share, and how a refusal is told. */
import type { App } from '../../apps/apps.ts';
import type { MethodServices } from '../method.ts';
import type { UpstreamClient } from './client.ts';
import type { Configured } from './providers.ts';
import type { Visits } from './visits.ts';

export interface UpstreamDeps extends MethodServices {
  readonly visits: Visits;
  readonly client: UpstreamClient;
}

interface Told {
  readonly configured: Configured;
  readonly clientId: string;
  readonly reason: string;
  readonly detail?: string;
}

/** What the provider wrote itself stands in no event and on no page: anybody can have written it. */
export async function told(
  app: App,
  { audit }: UpstreamDeps,
  { configured, clientId, ...why }: Told,
): Promise<void> {
  await audit.record(app.id, { type: 'upstream.refused', clientId, provider: configured.name, ...why });
}
