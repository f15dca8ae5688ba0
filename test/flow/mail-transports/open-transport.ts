/** A transport as the configuration makes it, against a fake provider. */
import { transport as transportSchema } from '../../../src/config/transport-schema.ts';
import { asAppId } from '../../../src/core/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { OutgoingMail, Transport } from '../../../src/mail/transport.ts';
import { createTransport } from '../../../src/mail/transports/create-transports.ts';
import type { DkimKey } from '../../../src/mail/transports/mime.ts';
import { createProviderFetch, type ProviderLimits } from '../../../src/outbound/provider-fetch.ts';
import { composeSignInMail } from '../../support/sign-in-mail.ts';
import { TestClock } from '../mail/memory-store.ts';

export const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S-_'.repeat(14)}s`;

export const mailOf = (change: Partial<OutgoingMail> = {}): OutgoingMail => ({
  ...composeSignInMail({
    app: {
      id: asAppId('shop'),
      name: 'Shop',
      accent: '#4f46e5',
      from: { name: 'Shop', address: 'no-reply@shop.example' },
    },
    to: 'a@example.org',
    locales: ['en'],
    link: LINK,
    code: '12345678',
    messageId: '<mail-1@shop.example>',
    device: 'Firefox on Linux',
    askedAt: Date.UTC(2026, 10, 23, 19, 4),
    expiresAt: Date.UTC(2026, 10, 23, 19, 14),
    date: new Date(Date.UTC(2026, 10, 23, 19, 4, 5)),
  }),
  ...change,
});

export interface Opened {
  readonly transport: Transport;
  readonly clock: TestClock;
  close(): Promise<void>;
}

export function openTransport(
  settings: Record<string, unknown>,
  options: { limits?: Partial<ProviderLimits>; ca?: string; dkim?: DkimKey } = {},
): Opened {
  const clock = new TestClock();
  const { limits, ca, dkim } = options;
  const fetch = createProviderFetch({ ...(limits && { limits }), ...(ca && { ca }) });
  const timeouts = { connection: 500, socket: 300, delivery: 2000 };
  const deps = { fetch, clock, log: silentLog, timeouts, ...(ca !== undefined && { ca }) };
  const transport = createTransport(transportSchema.parse(settings), dkim, deps);
  const close = async (): Promise<void> => {
    await transport.close();
    fetch.close();
  };
  return { transport, clock, close };
}
