import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { pageTexts, type TextKey, translate } from '../../src/http/locales.ts';
import en from '../../views/locales/en.json' with { type: 'json' };

const ROOT = new URL('../../', import.meta.url);
const PLURAL = /\.(?:zero|one|two|few|many|other)$/;
const KEYS = new Set(Object.keys(en).map((key) => key.replace(PLURAL, '')));

function filesIn(folder: string, ending: string): { name: string; text: string }[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ name, text: readFileSync(new URL(`${folder}${name}`, ROOT), 'utf8') }));
}

const views = [
  ...filesIn('views/', '.hbs').filter(({ name }) => !name.includes('/')),
  ...filesIn('views/partials/', '.hbs'),
  ...filesIn('views/methods/', '.hbs'),
];
const sources = [...filesIn('src/http/', '.ts'), ...filesIn('src/methods/', '.ts')];

describe('locales: completeness', () => {
  it('every key used in a view exists', () => {
    for (const { name, text } of views) {
      for (const [, key = ''] of text.matchAll(/(?:\{\{|\()(?:t|rich) "([^"]+)"/g)) {
        expect(KEYS.has(key), `${key} in ${name}`).to.equal(true);
      }
      for (const [, key = ''] of text.matchAll(/\b(?:label|submit)="([^"]+)"/g)) {
        expect(KEYS.has(key), `${key} in ${name}`).to.equal(true);
      }
    }
  });

  it('no key is unused', () => {
    const used = [...views, ...sources].map(({ text }) => text).join('\n');
    const unused = [...KEYS].filter((key) => !used.includes(`"${key}"`) && !used.includes(`'${key}'`));
    expect(unused).to.deep.equal([]);
  });

  it('no literal text stands in a view', () => {
    for (const { name, text } of views) {
      const bare = text
        .replace(/<style\b.*?<\/style>/gs, '')
        .replace(/\{\{.*?\}\}/gs, '')
        .replace(/<[^>]*>/gs, '')
        .trim();
      expect(bare, name).to.equal('');
      const spoken =
        text.replace(/\{\{.*?\}\}/gs, '').match(/(?:title|alt|aria-label|placeholder)="[^"]+"/g) ?? [];
      expect(spoken, name).to.deep.equal([]);
    }
  });

  it('the pseudo-locales follow English: longer by 40 %, right to left, same placeholders', () => {
    const long = pageTexts.pseudo.get('qps-ploc');
    const mirrored = pageTexts.pseudo.get('qps-plocm');
    expect(mirrored?.dir).to.equal('rtl');
    for (const [key, text] of Object.entries(en)) {
      const words = text.replace(/\{[a-z_]+\}/g, '').length;
      expect(long?.texts[key]?.length, key).to.be.at.least(text.length + words * 0.35);
      for (const placeholder of text.match(/\{[a-z_]+\}/g) ?? []) {
        expect(long?.texts[key]).to.contain(placeholder);
        expect(mirrored?.texts[key]).to.contain(placeholder);
      }
    }
  });
});

describe('locales: negotiation', () => {
  const tag = (wanted: string[], pseudo = false) => pageTexts.negotiate(wanted, { pseudo }).tag;

  it('takes the best language that there is, shortening each wish from its end (RFC 4647 §3.4)', () => {
    expect(tag(['en-GB-oxendict'])).to.equal('en');
    expect(tag(['EN-us'])).to.equal('en');
    expect(tag(['qps-ploc-x-test', 'en'], true)).to.equal('qps-ploc');
    expect(tag(['xx', 'qps-plocm'], true)).to.equal('qps-plocm');
  });

  it('falls back to English, whatever is asked', () => {
    for (const wanted of [
      [],
      ['xx'],
      ['*'],
      [''],
      ['-'],
      ['__proto__'],
      ['constructor'],
      ['e'.repeat(10_000)],
    ]) {
      expect(tag(wanted)).to.equal('en');
    }
  });

  it('offers the pseudo-locales only where they are switched on', () => {
    expect(tag(['qps-ploc'])).to.equal('en');
    expect([...pageTexts.stored.keys()].some((stored) => stored.startsWith('qps'))).to.equal(false);
  });
});

describe('locales: texts', () => {
  const english = pageTexts.negotiate(['en']);

  it('fills in values and picks the plural', () => {
    expect(translate(english, 'check_mail.tries_left', { count: 1 })).to.equal('1 try left.');
    expect(translate(english, 'check_mail.tries_left', { count: 4 })).to.equal('4 tries left.');
    expect(translate(english, 'sign_in.lead', { client: '{email}' })).to.equal('to continue to {email}');
  });

  it('throws on a missing value and on an unknown key, which does not compile either', () => {
    expect(() => translate(english, 'sign_in.lead')).to.throw(/needs a value/);
    // @ts-expect-error a key without a text is a fault of the compiler's choosing
    const unknown: TextKey = 'no.such.key';
    expect(() => translate(english, unknown)).to.throw(/no text/);
  });
});
