import { expect } from 'chai';
import { checkPasskey } from '../../../src/config/check-passkey.ts';
import { configFile } from '../../../src/config/schema.ts';

const ISSUER = 'https://auth.shop.example/de';

function faultsOf(passkey: object, others: object = { magic_link: {} }, issuer = ISSUER): string[] {
  const app = { name: 'Shop', methods: { ...others, passkey } };
  const settings = configFile.parse({ apps: { shop: app } }).apps.shop;
  return settings
    ? checkPasskey('shop', issuer, settings).map(({ path, message }) => `${path} ${message}`)
    : [];
}

describe('passkeys: settings', () => {
  it('the host of the issuer or a domain above it can own the passkeys', () => {
    for (const rpId of ['auth.shop.example', 'shop.example'])
      expect(faultsOf({ rp_id: rpId })).to.deep.equal([]);
    expect(faultsOf({ rp_id: 'localhost' }, { magic_link: {} }, 'http://localhost:3000/shop')).to.deep.equal(
      [],
    );
  });

  it('nothing else can: no browser would make one', () => {
    for (const rpId of [
      'example',
      'op.example',
      'hop.example',
      'shop.example.evil.example',
      'x.auth.shop.example',
    ])
      expect(faultsOf({ rp_id: rpId }).join(), rpId)
        .to.include('rp_id')
        .and.include('must be auth.shop.example');
    expect(faultsOf({ rp_id: '0.1' }, { magic_link: {} }, 'https://10.0.0.1').join()).to.include('rp_id');
  });

  it('alone it would let nobody in, and related origins are origins', () => {
    expect(faultsOf({}, {}).join()).to.include('needs another method beside it');
    expect(faultsOf({ related_origins: ['https://a.example', 'https://b.example/path'] })).to.deep.equal([
      'CONFIG: apps.shop.methods.passkey.related_origins[1] must be an origin, such as https://shop.example',
    ]);
  });
});
