/** The development helpers, tied together. Loaded in development only: production neither waits for them nor has them. */
import type { Apps } from './apps/apps.ts';
import type { Clock } from './core/clock.ts';
import type { Keyring } from './core/keyring.ts';
import { createDemoRouter } from './http/dev/demo.ts';
import { createInboxRouter } from './http/dev/inbox.ts';
import { createMailPreviewRouter } from './http/dev/mail-preview.ts';
import { Shelf } from './http/dev/shelf.ts';
import type { ServerDeps } from './http/server.ts';
import type { ComposeMail } from './mail/composer.ts';
import type { CaptureTransport } from './mail/transports/capture.ts';
import type { Store } from './store/port.ts';

export interface Shelves {
  readonly mails: Shelf;
  readonly visits: Shelf;
}

/** For several workers: what one catches in memory would be missing at the others. */
export const openShelves = (deps: {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
}): Shelves => ({ mails: new Shelf(deps, 'mails'), visits: new Shelf(deps, 'visits') });

export function devRouters(options: {
  readonly baseUrl: string;
  readonly apps: Apps;
  readonly clock: Clock;
  readonly inbox: CaptureTransport | undefined;
  readonly shelves: Shelves | undefined;
  readonly compose: ComposeMail;
}): ServerDeps['devRouters'] {
  const { baseUrl, clock, inbox, shelves } = options;
  const apps = options.apps.all
    .filter((app) => app.settings.clients.demo !== undefined)
    .map((app) => ({
      slug: app.slug,
      name: app.settings.name,
      issuer: app.issuer,
      clientId: 'demo',
      ...(app.settings.clients['demo-partner'] ? { partner: { clientId: 'demo-partner' } } : {}),
    }));
  const inboxPath = inbox ? { inboxPath: '/dev/inbox' } : {};
  const demo = createDemoRouter({ baseUrl, apps, clock, shelf: shelves?.visits, ...inboxPath });
  const preview = createMailPreviewRouter({ apps: options.apps, clock, compose: options.compose });
  return inbox ? [demo, preview, createInboxRouter(inbox, {})] : [demo, preview];
}
