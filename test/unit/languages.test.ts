import { expect } from 'chai';
import { languageFaults } from '../../src/cli/language-faults.ts';
import { equalShareFault, textFaults } from '../../src/core/text-check.ts';
import { pageTexts } from '../../src/http/locales.ts';
import { render } from '../../src/http/render.ts';
import { SAMPLES } from '../support/page-samples.ts';

const PROMISED = ['ar', 'de', 'en', 'es', 'fr', 'he', 'it', 'ja', 'nl', 'pl', 'pt-BR', 'tr', 'zh-Hans'];

describe('languages', () => {
  it('there are the thirteen that are promised', () => {
    expect([...pageTexts.stored.values()].map(({ tag }) => tag)).to.include.members(PROMISED);
  });

  it('no language lacks a text, has one too many, or is written carelessly, in pages and in mails', () => {
    expect(languageFaults()).to.deep.equal([]);
  });
});

describe('the check of a language', () => {
  const english = {
    'a.hello': 'Hello {name}',
    'a.left.one': '{count} try',
    'a.left.other': '{count} tries',
    'a.quoted': 'use “{scope}”',
  };
  const polish = {
    'a.hello': 'Witaj {name}',
    'a.left.one': 'jedna próba',
    'a.left.few': '{count} próby',
    'a.left.many': '{count} prób',
    'a.left.other': '{count} próby',
    'a.quoted': 'użyj „{scope}”',
  };
  const without = (key: keyof typeof polish) =>
    Object.fromEntries(Object.entries(polish).filter(([other]) => other !== key));

  it('lets a good one pass', () => expect(textFaults('pl', polish, english)).to.deep.equal([]));

  const wrong: Record<string, [Record<string, string>, string]> = {
    'a missing key': [without('a.hello'), 'a.hello: is missing'],
    'a missing plural form': [without('a.left.few'), 'a.left.few: is missing'],
    'a plural form that the language has not': [
      { ...polish, 'a.left.two': '{count} próby' },
      'a.left.two: is not used in this language',
    ],
    'an unused key': [{ ...polish, 'a.more': 'więcej' }, 'a.more: is not used in this language'],
    'a lost placeholder': [{ ...polish, 'a.hello': 'Witaj' }, 'a.hello: lacks {name}'],
    'a count that is not there': [{ ...polish, 'a.left.few': 'kilka' }, 'a.left.few: lacks {count}'],
    'a translated placeholder': [
      { ...polish, 'a.hello': 'Witaj {name} {imie}' },
      'a.hello: has {imie}, which is never filled in',
    ],
    markup: [{ ...polish, 'a.hello': 'Witaj <b>{name}</b>' }, 'a.hello: holds markup'],
    'a blank at the end': [
      { ...polish, 'a.hello': 'Witaj {name} ' },
      'a.hello: has blanks at its ends, doubled, or a line break',
    ],
    'straight quotes': [{ ...polish, 'a.quoted': 'użyj "{scope}"' }, 'a.quoted: has straight quotes'],
    'quotes without their other half': [
      { ...polish, 'a.quoted': 'użyj „{scope}' },
      'a.quoted: has quotes that do not match',
    ],
    'a brace without its other half': [
      { ...polish, 'a.hello': 'Witaj {name} {' },
      'a.hello: has a brace without its other half',
    ],
  };
  for (const [name, [texts, fault]] of Object.entries(wrong)) {
    it(`finds ${name}`, () => expect(textFaults('pl', texts, english)).to.deep.equal([fault]));
  }

  it('finds texts in another order than the English', () => {
    const { 'a.hello': hello, ...rest } = polish;
    expect(textFaults('pl', { ...rest, 'a.hello': hello }, english)).to.deep.equal([
      'a.left: stands elsewhere in English, where a.hello comes here',
    ]);
  });

  it('finds a French mark without its blank', () => {
    for (const text of ['Vraiment ? {name}', 'Vraiment? {name}', '« {name} »']) {
      expect(textFaults('fr', { a: text }, { a: '{name}' })).to.have.length(1);
    }
    expect(textFaults('fr', { a: 'Vraiment\u202f? «\u00a0{name}\u00a0»' }, { a: '{name}' })).to.deep.equal(
      [],
    );
  });

  it('finds a language that is English in 3 % of its texts', () => {
    const numbered = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, `text ${at}`]));
    const other = Object.fromEntries(Object.keys(numbered).map((key) => [key, `tekst ${key}`]));
    const equal = (keys: string[]) => ({
      ...other,
      ...Object.fromEntries(keys.map((key) => [key, numbered[key] ?? ''])),
    });
    expect(equalShareFault('pl', equal(['k1', 'k2']), numbered)).to.equal(undefined);
    expect(equalShareFault('pl', equal(['k1', 'k2', 'k3']), numbered))
      .to.include('3.0 %')
      .and.include('k3');
  });
});

describe('pages in every language', () => {
  for (const { tag, dir } of pageTexts.stored.values()) {
    it(`${tag}: every page is drawn, no placeholder is left and no text is missing`, () => {
      for (const [name, page] of Object.entries(SAMPLES)) {
        const { html, lang } = render(page, {
          locales: [tag],
          nonce: 'n',
          app: { name: 'Acme', accent: '#4f46e5' },
        });
        expect(html, name).to.include(`<html lang="${tag}" dir="${dir}">`);
        expect(lang).to.equal(tag);
        // `{time}` stays for the script of the page that waits; hostile samples bring braces of their own.
        expect(html.replaceAll(/\{time\}|\{\{7\*7\}\}/g, ''), name).not.to.match(/\{[a-z_]+\}/);
      }
    });
  }
});
