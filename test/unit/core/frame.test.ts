import { expect } from 'chai';
import { frame } from '../../../src/lib/frame.ts';

/** The fields back out of the bytes: that this is possible at all is the injectivity. */
function unframe(bytes: Buffer): string[] {
  const fields: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    fields.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return fields;
}

describe('frame', () => {
  it('can be read back, whatever the fields hold', () => {
    for (const fields of [
      [],
      [''],
      ['', ''],
      ['a', ''],
      ['\u0000\u0000\u0000\u0001a'],
      ['ä', '🔑', 'x'.repeat(70_000)],
    ]) {
      expect(unframe(frame(...fields))).to.deep.equal(fields);
    }
  });

  it('gives different bytes for every two of many small lists', () => {
    const letters = ['', 'a', '\u0000', '\u0001', 'aa', '\u0000\u0000\u0000\u0001'];
    const lists: string[][] = [[], ...letters.map((one) => [one])];
    for (const one of letters) {
      for (const two of letters) {
        lists.push([one, two]);
        for (const three of letters) lists.push([one, two, three]);
      }
    }
    expect(new Set(lists.map((list) => frame(...list).toString('hex'))).size).to.equal(lists.length);
  });

  it('counts bytes, not characters', () => {
    expect(frame('ä').toString('hex')).to.equal('00000002c3a4');
  });
});
