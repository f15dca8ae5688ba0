import { expect } from 'chai';
import { asAppId } from '../../../src/core/ids.ts';
import { Keyring } from '../../../src/core/keyring.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const [SHOP, STUDIO] = [asAppId('shop'), asAppId('studio')];

describe('Keyring', () => {
  const keyring = new Keyring([NEW, OLD]);

  it('takes only masters of 32 bytes, and at least one', () => {
    expect(() => new Keyring([])).to.throw(/at least one/);
    expect(() => new Keyring([NEW, Buffer.alloc(31)])).to.throw(/32 bytes/);
    expect(() => new Keyring([Buffer.alloc(33)])).to.throw(/32 bytes/);
  });

  it('names the newest master as current, and names tell nothing of it', () => {
    expect(keyring.versions).to.have.lengthOf(2);
    expect(keyring.current)
      .to.equal(keyring.versions[0])
      .and.to.equal(new Keyring([NEW]).current);
    expect(keyring.current).to.match(/^[0-9a-f]{12}$/);
    expect(NEW.toString('hex')).to.not.include(keyring.current);
  });

  it('derives another key for every scope, purpose and master (MT-01)', () => {
    const old = keyring.versions[1];
    const keys = [
      keyring.key(SHOP, 'challenge-link'),
      keyring.key(STUDIO, 'challenge-link'),
      keyring.key('*', 'challenge-link'),
      keyring.key(SHOP, 'challenge-code'),
      keyring.key(SHOP, 'challenge-link', old),
    ].map((key) => key.toString('hex'));
    expect(new Set(keys).size).to.equal(keys.length);
    expect(keyring.key(SHOP, 'challenge-link').toString('hex')).to.equal(keys[0]);
  });

  it('gives the same key in another process with the same master', () => {
    const again = new Keyring([Buffer.alloc(32, 2)]);
    expect(again.key(SHOP, 'csrf').equals(keyring.key(SHOP, 'csrf'))).to.equal(true);
  });

  it('MACs lists of fields, not their concatenation', () => {
    const mac = (...fields: string[]) => keyring.mac(SHOP, 'csrf', fields).toString('hex');
    expect(mac('ab', 'c')).to.not.equal(mac('a', 'bc'));
    expect(mac('a')).to.not.equal(mac('a', ''));
    expect(mac('a')).to.equal(mac('a'));
  });

  it('opens what it sealed, and never seals the same way twice', () => {
    const sealed = keyring.seal(SHOP, 'smtp', 'pass ä 🔑');
    expect(keyring.open(SHOP, 'smtp', sealed)).to.equal('pass ä 🔑');
    expect(keyring.seal(SHOP, 'smtp', 'pass ä 🔑')).to.not.equal(sealed);
    expect(sealed).to.not.include('pass');
    expect(keyring.open(SHOP, 'smtp', keyring.seal(SHOP, 'smtp', ''))).to.equal('');
  });

  it('opens nothing for another place or another app', () => {
    const sealed = keyring.seal(SHOP, 'row 1', 'text');
    expect(() => keyring.open(SHOP, 'row 2', sealed)).to.throw();
    expect(() => keyring.open(STUDIO, 'row 1', sealed)).to.throw();
    expect(() => keyring.open('*', 'row 1', sealed)).to.throw();
  });

  it('opens nothing that was tampered with, byte by byte', () => {
    const sealed = keyring.seal(SHOP, 'row', 'text');
    const [version = '', body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (const index of bytes.keys()) {
      const bent = Buffer.from(bytes);
      bent[index] = (bytes[index] ?? 0) ^ 1;
      expect(
        () => keyring.open(SHOP, 'row', `${version}.${bent.toString('base64url')}`),
        `byte ${index}`,
      ).to.throw();
    }
    for (const broken of [
      '',
      '.',
      version,
      `${version}.`,
      body,
      `${version}.AAAA`,
      `${version}.${body.slice(0, -4)}`,
    ]) {
      expect(() => keyring.open(SHOP, 'row', broken), broken).to.throw();
    }
  });

  it('opens old rows after a rotation and seals new ones under the new master', () => {
    const before = new Keyring([OLD]).seal(SHOP, 'row', 'text');
    expect(keyring.open(SHOP, 'row', before)).to.equal('text');
    expect(keyring.seal(SHOP, 'row', 'text').startsWith(`${keyring.current}.`)).to.equal(true);
    expect(() => new Keyring([NEW]).open(SHOP, 'row', before)).to.throw(/not configured any more/);
    expect(() => new Keyring([OLD]).open(SHOP, 'row', keyring.seal(SHOP, 'row', 'text'))).to.throw(
      /not configured/,
    );
  });
});
