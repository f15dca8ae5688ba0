import { expect } from 'chai';
import type { JsonObject, Store } from '../../../src/store/port.ts';
import { freshScope, NOW } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

/** What a JSON value can be and a database may trip over. */
const SAMPLES: Readonly<Record<string, JsonObject>> = {
  'an empty object': {},
  'all kinds of values': {
    a: null,
    b: true,
    c: false,
    d: 'text',
    e: [],
    f: {},
    g: [null, [1, ['x']]],
    h: '',
  },
  'numbers at their bounds': {
    n: [0, -1, 0.1, 1e-7, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1],
  },
  'text that looks like other things': {
    date: '2030-01-01T00:00:00Z',
    number: '0012',
    null: 'null',
    id: '$oid',
  },
  Unicode: {
    text: 'Zoë Ångström e\u0301 日本語 עברית \u{1f468}\u200d\u{1f469} \ufeff\u2028\u2029 \ufffd \uffff',
  },
  'control characters': { text: '\u0000\u0001\b\t\n\f\r\u001f\u007f "\\/' },
  'lone surrogates': { text: 'a\ud800', other: '\udc00b', reversed: '\udc00\ud800', key: { '\ud83d': 1 } },
  'keys with a meaning elsewhere': {
    $set: { $gt: '' },
    'a.b': 1,
    '': 2,
    _id: 3,
    'key\u0000nul': 4,
    constructor: 5,
    toJSON: 'x',
    "';--": 6,
  },
  // A literal would set the prototype; JSON makes an own property, and so must the store.
  '__proto__ as a key': JSON.parse('{"__proto__":{"isAdmin":true},"a":{"__proto__":1}}') as JsonObject,
  'deep nesting': nested(90),
  'a value of 1 MB': { text: 'Zoë \u{1f600} "'.repeat(80_000) },
  'many small values': Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`key ${index}`, index]),
  ),
};

export function dataContract(opened: Opened): void {
  for (const [name, data] of Object.entries(SAMPLES)) {
    it(`comes back deeply equal: ${name}`, async () => {
      const { first, second } = opened();
      for (const readBack of await throughAllParts(first, second, data)) {
        expect(readBack).to.deep.equal(data);
        // Deep equality does not see which keys are own properties, nor that -0 is not 0 in text.
        expect(sorted(readBack)).to.equal(sorted(data));
      }
    });
  }

  it('is the reader’s own: changing it changes nothing for others', async () => {
    const { first } = opened();
    const scope = freshScope();
    await first.artifacts.upsert(scope, 'M', { id: 'a', data: { list: [1] } }, NOW);
    const seen = await first.artifacts.find(scope, 'M', 'a', NOW);
    Object.assign(seen?.data ?? {}, { list: 'spoiled' });
    expect((await first.artifacts.find(scope, 'M', 'a', NOW))?.data).to.deep.equal({ list: [1] });
  });
}

async function throughAllParts(first: Store, second: Store, data: JsonObject): Promise<unknown[]> {
  const scope = freshScope();
  const inserted = await first.records.insert(scope, 'kind', { id: 'a', data }, NOW);
  const found = await second.records.find(scope, 'kind', 'a', NOW);
  await first.records.replace(scope, 'kind', { ...inserted, data }, NOW);
  const [replaced] = await second.records.list(scope, 'kind', { limit: 1 }, NOW);
  await first.oneTime.put(scope, 'kind', 'k', data, NOW + 1, NOW);
  const peeked = await second.oneTime.peek(scope, 'kind', 'k', NOW);
  const consumed = await second.oneTime.consume(scope, 'kind', 'k', NOW);
  await first.artifacts.upsert(scope, 'M', { id: 'a', data, uid: 'u' }, NOW);
  const artifact = await second.artifacts.find(scope, 'M', 'a', NOW);
  const marked = await second.artifacts.mark(scope, 'M', 'a', 'seen', { small: true }, NOW);
  const [byUid] = await first.artifacts.findBy(scope, 'M', 'uid', 'u', NOW);
  return [
    inserted.data,
    found?.data,
    replaced?.data,
    peeked,
    consumed,
    artifact?.data,
    marked.artifact?.data,
    byUid?.data,
  ];
}

function nested(depth: number): JsonObject {
  return depth === 0 ? { end: true } : { inner: [nested(depth - 1)] };
}

/** Text of the value with keys in order: key order is no part of the promise. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${sorted(inner)}`).join(',')}}`;
}
