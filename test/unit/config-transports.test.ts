import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { sealValue } from '../../src/config/sealed-value.ts';
import {
  configOf,
  faultsOf,
  HOOK_SECRET,
  KEY,
  OTHER_KEY,
  PRODUCTION,
  RSA_KEY,
  Workplace,
} from './config.fixture.ts';

const pem = (type: 'rsa' | 'ed25519' | 'ec'): string => {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 512 })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
};
const secrets = (...keys: string[]): Buffer[] => keys.map((key) => Buffer.from(key, 'base64'));
const mail = (lines: string): string => `apps: { shop: { name: Shop, mail: { ${lines} } } }`;
const transports = (lines: string): string => mail(`transports: [${lines}]`);
const SMTP = 'type: smtp, host: mail.example';

describe('transports in the configuration file', () => {
  let place: Workplace;
  beforeEach(() => {
    place = new Workplace();
  });
  afterEach(() => place.remove());
  const load = (yaml: string, env: NodeJS.ProcessEnv = {}) => place.load({ ...PRODUCTION, ...env }, yaml);

  it('have the defaults that nobody has to know', () => {
    const config = configOf(
      load(transports(`{ ${SMTP} }, { type: postmark, server_token: '\${TOKEN}' }`), {
        TOKEN: 't-1',
        SMTP_URL: '',
      }),
    );
    expect(config.apps.shop?.mail.transports).to.deep.equal([
      { type: 'smtp', host: 'mail.example', tls: 'starttls' },
      {
        type: 'postmark',
        server_token: 't-1',
        message_stream: 'outbound',
        base_url: 'https://api.postmarkapp.com',
      },
    ]);
  });

  const FAULTS: readonly [name: string, yaml: string, path: string, message: RegExp][] = [
    ['an unknown type', transports('{ type: pigeon }'), '[0].type', /must be smtp, ses, .*http/],
    ['no type', transports('{ host: x.example }'), '[0].type', /must be smtp/],
    ['no transport at all', mail('transports: []'), '', />=1/],
    ['a key of another type', transports(`{ ${SMTP}, api_key: x }`), '[0].api_key', /not known here/],
    [
      'two of one name',
      transports(`{ ${SMTP} }, { ${SMTP} }`),
      '[1].name',
      /smtp is the name of an earlier one/,
    ],
    [
      'an smtp_url beside them',
      mail(`smtp_url: 'smtps://x.example', transports: [{ ${SMTP} }]`),
      '',
      /not both/,
    ],
    ['a password without a user', transports(`{ ${SMTP}, password: x }`), '[0].user', /missing/],
    ['a user without a password', transports(`{ ${SMTP}, user: x }`), '[0].password', /missing/],
    ['mail in clear text', transports(`{ ${SMTP}, tls: none }`), '[0].tls', /only be none on this machine/],
    [
      'a hook in clear text',
      transports(`{ type: http, url: 'http://hook.example', secret: '${HOOK_SECRET}' }`),
      '[0].url',
      /must be https/,
    ],
    [
      'a guessable hook secret',
      transports("{ type: http, url: 'https://h.example', secret: hunter2 }"),
      '[0].secret',
      /whsec_/,
    ],
    [
      'credentials in a URL',
      transports("{ type: resend, api_key: x, base_url: 'https://u:p@r.example' }"),
      '[0].base_url',
      /without credentials/,
    ],
    [
      'a header in a key',
      transports('{ type: resend, api_key: "x\\r\\nX-Evil: 1" }'),
      '[0].api_key',
      /control/,
    ],
  ];
  for (const [name, yaml, path, message] of FAULTS) {
    it(`RL-20 refuse ${name}`, () => {
      const faults = faultsOf(load(yaml));
      expect(faults.join('\n')).to.match(message);
      expect(faults.join('\n')).to.include(`apps.shop.mail`).and.include(path);
      expect(faults).to.have.length(1);
    });
  }

  describe('sealed values', () => {
    const file = (value: string) => transports(`{ type: resend, api_key: '${value}' }`);
    const keyOf = (yaml: string, env = {}) => {
      const [first] = configOf(load(yaml, env)).apps.shop?.mail.transports ?? [];
      return first?.type === 'resend' ? first.api_key : undefined;
    };

    it('open under the secret they were sealed with, also when a newer one stands before it', () => {
      const sealed = sealValue(secrets(KEY), 're_hunter2');
      expect(sealed).to.match(/^sealed:[0-9a-f]{12}\./);
      expect(keyOf(file(sealed))).to.equal('re_hunter2');
      expect(keyOf(file(sealed), { SECRET_KEY: `${OTHER_KEY},${KEY}` })).to.equal('re_hunter2');
      const loaded = load(file(sealed));
      expect(loaded.ok && loaded.sealed).to.deep.equal([
        { path: 'CONFIG: apps.shop.mail.transports[0].api_key', version: sealed.slice(7, 19) },
      ]);
    });

    it('AD-05 that do not open are a fault that names the version and shows nothing', () => {
      const sealed = sealValue(secrets(OTHER_KEY), 're_hunter2');
      expect(faultsOf(load(file(sealed))).join())
        .to.include(sealed.slice(7, 19))
        .and.match(/put that back/);
      const whole = sealValue(secrets(KEY), 're_hunter2');
      const changed = whole.slice(0, 30) + (whole[30] === 'A' ? 'B' : 'A') + whole.slice(31);
      expect(faultsOf(load(file(changed))).join()).to.match(/changed after it was sealed/);
      expect(faultsOf(load(file('sealed:nonsense'))).join()).to.match(/no sealed value/);
      for (const wrong of [sealed, changed]) expect(faultsOf(load(file(wrong))).join()).to.not.include(wrong);
    });

    it('are taken for credentials only', () => {
      const sealed = sealValue(secrets(KEY), 'Shop');
      expect(configOf(load(`apps: { shop: { name: '${sealed.slice(0, 50)}' } }`)).apps.shop?.name).to.match(
        /^sealed:/,
      );
    });
  });

  describe('DKIM keys', () => {
    const dkim = (lines: string) => mail(`dkim: { selector: s1, ${lines} }`);

    it('come from a file or a variable', () => {
      writeFileSync(join(place.path, 'dkim.pem'), RSA_KEY);
      const fromFile = configOf(load(dkim('private_key_file: dkim.pem')));
      const fromVariable = configOf(load(dkim(`private_key: '\${DKIM}'`), { DKIM: RSA_KEY }));
      for (const config of [fromFile, fromVariable]) {
        expect(config.apps.shop?.mail.dkim?.private_key?.trim()).to.equal(RSA_KEY.trim());
      }
    });

    it('RL-20 refuse what cannot sign, and what nobody would sign for', () => {
      const faultOf = (key: string) =>
        faultsOf(load(dkim(`private_key: '\${DKIM}'`), { DKIM: key })).join('\n');
      expect(faultOf('rubbish')).to.match(/dkim\.private_key: is no private key/);
      expect(faultOf(pem('ed25519'))).to.match(/Ed25519/);
      expect(faultOf(pem('ec'))).to.match(/must be an RSA key/);
      expect(faultOf(pem('rsa'))).to.match(/512 bits/);
      expect(faultsOf(load(dkim('private_key_file: nowhere.pem'))).join()).to.match(/ENOENT/);
      expect(faultsOf(load(dkim('domain: shop.example'))).join()).to.match(/missing, or private_key_file/);
      const postmark = `transports: [{ type: postmark, server_token: x }], dkim: { selector: s1, private_key: '\${DKIM}' }`;
      expect(faultsOf(load(mail(postmark), { DKIM: RSA_KEY })).join()).to.match(
        /transports\[0\]: postmark builds/,
      );
    });
  });
});
