import { expect } from 'chai';
import { examineSenderDns } from '../../../src/mail/doctor/sender-dns.ts';
import { type FakeDns, startFakeDns, type Zone } from '../../support/fake-dns.ts';
import { DKIM, instrumentsWith, levels, only, PUBLIC, patientOf } from './patient.fixture.ts';

const RELAY = { type: 'smtp', host: 'smtp.gmail.com', user: 'u', password: 'p' };
const GOOD: Zone = {
  'shop.example': { mx: [[10, 'mx.shop.example']], txt: ['v=spf1 include:_spf.google.com ~all', 'other=1'] },
  '_spf.google.com': { txt: ['v=spf1 ip4:192.0.2.0/24 ~all'] },
  's1._domainkey.shop.example': { txt: [`v=DKIM1; k=rsa; p=${PUBLIC}`] },
  '_dmarc.shop.example': { txt: ['v=DMARC1; p=reject; rua=mailto:x@shop.example'] },
};

describe('postern doctor: DNS of the sender', () => {
  let dns: FakeDns;
  let instruments: ReturnType<typeof instrumentsWith>;
  before(async () => {
    dns = await startFakeDns();
    instruments = instrumentsWith(dns.server);
  });
  after(async () => {
    instruments.close();
    await dns.close();
  });
  const look = (zone: Zone, change: Parameters<typeof patientOf>[0] = {}) => {
    dns.set(zone);
    return examineSenderDns(patientOf({ settings: [RELAY], dkim: DKIM, ...change }), instruments);
  };

  it('finds nothing wrong where nothing is', async () => {
    expect(levels(await look(GOOD))).to.deep.equal(['ok mx', 'ok spf', 'ok dkim', 'ok dmarc']);
  });

  it('says the exact records to add where there are none', async () => {
    const findings = await look({ 'shop.example': {} });
    expect(levels(findings)).to.deep.equal(['warn mx', 'fail spf', 'fail dkim', 'warn dmarc']);
    expect(only(findings, 'spf').mend).to.equal(
      'add to DNS: shop.example. TXT "v=spf1 include:_spf.google.com ~all"',
    );
    const { mend = '' } = only(findings, 'dkim');
    expect(mend).to.match(/^add to DNS: s1\._domainkey\.shop\.example\. TXT "v=DKIM1; k=rsa; p=/);
    expect([...mend.matchAll(/"([^"]*)"/g)].map(([, part = '']) => part).join('')).to.equal(
      `v=DKIM1; k=rsa; p=${PUBLIC}`,
    );
    expect([...mend.matchAll(/"([^"]*)"/g)].every(([, part = '']) => part.length <= 255)).to.equal(true);
    expect(only(findings, 'dmarc').mend).to.include('_dmarc.shop.example. TXT "v=DMARC1; p=none;');
  });

  const WRONG: readonly [name: string, zone: Zone, finding: string, says: RegExp][] = [
    [
      'a null MX',
      { ...GOOD, 'shop.example': { ...GOOD['shop.example'], mx: [[0, '.']] } },
      'fail mx',
      /RFC 7505/,
    ],
    [
      'an SPF record that leaves the relay out',
      { ...GOOD, 'shop.example': { mx: [[1, 'm.x']], txt: ['v=spf1 mx -all'] } },
      'fail spf',
      /"v=spf1 include:_spf\.google\.com mx -all"/,
    ],
    [
      'two SPF records',
      { ...GOOD, 'shop.example': { mx: [[1, 'm.x']], txt: ['v=spf1 -all', 'v=spf1 mx -all'] } },
      'fail spf',
      /merge/,
    ],
    [
      'more than ten lookups',
      {
        ...GOOD,
        'shop.example': { mx: [[1, 'm.x']], txt: ['v=spf1 include:_spf.google.com include:a.example ~all'] },
        'a.example': {
          txt: [`v=spf1 ${Array.from({ length: 9 }, (_, at) => `a:h${at}.example`).join(' ')} -all`],
        },
      },
      'fail spf.lookups',
      /11 lookups/,
    ],
    [
      'an include that leads nowhere',
      {
        ...GOOD,
        'shop.example': {
          mx: [[1, 'm.x']],
          txt: ['v=spf1 include:_spf.google.com include:gone.example ~all'],
        },
      },
      'fail spf.include',
      /gone\.example/,
    ],
    [
      '+all',
      { ...GOOD, 'shop.example': { mx: [[1, 'm.x']], txt: ['v=spf1 include:_spf.google.com +all'] } },
      'fail spf.all',
      /everybody/,
    ],
    [
      'a record that includes itself',
      {
        ...GOOD,
        'shop.example': {
          mx: [[1, 'm.x']],
          txt: ['v=spf1 include:shop.example include:_spf.google.com ~all'],
        },
      },
      'ok spf',
      /3 of 10|4 of 10/,
    ],
    [
      'another key',
      { ...GOOD, 's1._domainkey.shop.example': { txt: ['v=DKIM1; p=MIIB'] } },
      'fail dkim',
      /not that of the configured/,
    ],
    [
      'two DMARC records',
      { ...GOOD, '_dmarc.shop.example': { txt: ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] } },
      'fail dmarc',
      /leave one/,
    ],
    [
      'a name server that is silent',
      { ...GOOD, '_dmarc.shop.example': { isSilent: true } },
      'warn dmarc',
      /no answer/,
    ],
  ];
  for (const [name, zone, finding, says] of WRONG) {
    it(`finds ${name}`, async () => {
      const findings = await look(zone);
      const [level = '', check = ''] = finding.split(' ');
      const found = findings.find((one) => one.check === check && one.level === level);
      expect(found, levels(findings).join()).to.not.equal(undefined);
      expect(`${found?.what} ${found?.why} ${found?.mend}`).to.match(says);
    }).timeout(30_000);
  }

  it('knows the relay of one’s own by its addresses', async () => {
    const own = { settings: [{ ...RELAY, host: 'mail.own.example' }] };
    const zone: Zone = {
      ...GOOD,
      'mail.own.example': { a: ['192.0.2.7'] },
      'shop.example': { mx: [[1, 'm.x']], txt: ['v=spf1 ip4:192.0.2.0/28 -all'] },
    };
    expect(levels(await look(zone, own))).to.include('ok spf');
    const moved = await look({ ...zone, 'mail.own.example': { a: ['203.0.113.9'] } }, own);
    expect(only(moved, 'spf')).to.include({ level: 'warn' });
    expect(only(moved, 'spf').mend).to.include('"v=spf1 a:mail.own.example ip4:192.0.2.0/28 -all"');
  });

  it('compares who signs with who writes (DMARC)', async () => {
    const zone = { ...GOOD, 's1._domainkey.mailer.test': { txt: [`p=${PUBLIC}`] } };
    const foreign = await look(zone, { dkim: { ...DKIM, domain: 'mailer.test' } });
    expect(only(foreign, 'dmarc')).to.include({ level: 'fail' });
    expect(only(foreign, 'dmarc').mend).to.include('mail.dkim.domain to shop.example');
    const sub = { 's1._domainkey.mail.shop.example': { txt: [`p=${PUBLIC}`] } };
    const below = await look({ ...GOOD, ...sub }, { dkim: { ...DKIM, domain: 'mail.shop.example' } });
    expect(only(below, 'dmarc')).to.include({ level: 'ok' });
    const strict = { ...GOOD, ...sub, '_dmarc.shop.example': { txt: ['v=DMARC1; p=quarantine; adkim=s'] } };
    const exact = await look(strict, { dkim: { ...DKIM, domain: 'mail.shop.example' } });
    expect(only(exact, 'dmarc')).to.include({ level: 'fail' });
  });

  it('looks for the key of a provider where it is always at one place', async () => {
    const resend = { settings: [{ type: 'resend', api_key: 'x' }], dkim: undefined };
    const signing = await look({ ...GOOD, 'resend._domainkey.shop.example': { txt: ['p=MIG'] } }, resend);
    expect(levels(signing)).to.deep.equal(['ok mx', 'ok spf', 'ok dkim', 'ok dmarc']);
    const unsigned = await look(GOOD, resend);
    expect(levels(unsigned)).to.deep.equal(['ok mx', 'ok spf', 'warn dkim', 'warn dmarc']);
  });
});
