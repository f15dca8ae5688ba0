import { createPublicKey } from 'node:crypto';
import { transport } from '../../../src/config/transport-schema.ts';
import { asAppId } from '../../../src/core/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Finding } from '../../../src/mail/doctor/finding.ts';
import type { Instruments, Patient } from '../../../src/mail/doctor/patient.ts';
import type { DkimKey } from '../../../src/mail/transports/mime.ts';
import { createDnsLook } from '../../../src/outbound/dns-look.ts';
import { createProviderFetch } from '../../../src/outbound/provider-fetch.ts';
import { CA } from '../../support/certificates.ts';
import { TestClock } from '../../support/harness.ts';
import { RSA_KEY } from '../../unit/config.fixture.ts';

export const DKIM: DkimKey = { domain: 'shop.example', selector: 's1', privateKey: RSA_KEY };
export const PUBLIC = createPublicKey(RSA_KEY).export({ type: 'spki', format: 'der' }).toString('base64');

export const patientOf = (
  change: Partial<Patient> & { readonly settings?: readonly object[] } = {},
): Patient => {
  const { settings = [], ...more } = change;
  return {
    app: {
      id: asAppId('shop'),
      name: 'Shop',
      accent: '#4f46e5',
      from: { name: 'Shop', address: 'no-reply@shop.example' },
    },
    issuer: 'https://auth.shop.example',
    production: true,
    transports: settings.map((one) => transport.parse(one)),
    dkim: undefined,
    ...more,
  };
};

/** The clock stands at the real time: the answers of loopback servers carry it. */
export function instrumentsWith(server: string): Instruments & { readonly clock: TestClock; close(): void } {
  const fetch = createProviderFetch({ ca: CA, limits: { connect: 500, headers: 500, total: 1000 } });
  const clock = new TestClock();
  return { dns: createDnsLook([server]), fetch, clock, log: silentLog, ca: CA, close: () => fetch.close() };
}

/** `level check` of each, in order. */
export const levels = (findings: readonly Finding[]): string[] =>
  findings.map(({ level, check }) => `${level} ${check}`);

export const only = (findings: readonly Finding[], check: string): Finding => {
  const [found, ...more] = findings.filter((finding) => finding.check === check);
  if (!found || more.length > 0)
    throw new Error(`${findings.length} findings, not one of ${check}: ${levels(findings)}`);
  return found;
};
