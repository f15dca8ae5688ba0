/** Who gets which language: the wishes of a request, and what is found for them. */
import { expect } from 'chai';
import { wantedLanguages } from '../../src/core/languages.ts';
import { textOf } from '../../src/core/texts.ts';
import { pageTexts } from '../../src/http/locales.ts';
import { mailLocale, mailText } from '../../src/mail/texts.ts';

interface Asked {
  readonly uiLocales?: string;
  readonly accept?: string;
  readonly fallback?: string;
}

const tagFor = ({ fallback = 'en', ...asked }: Asked): string =>
  pageTexts.negotiate(wantedLanguages({ ...asked, fallback })).tag;

describe('negotiation of languages', () => {
  const table: [string, Asked, string][] = [
    ['nothing asked: the app', { fallback: 'nl' }, 'nl'],
    ['ui_locales before Accept-Language', { uiLocales: 'fr', accept: 'de' }, 'fr'],
    ['ui_locales in its order', { uiLocales: 'xx it fr', accept: 'de' }, 'it'],
    ['ui_locales without one we have: Accept-Language', { uiLocales: 'xx yy', accept: 'de' }, 'de'],
    ['Accept-Language before the app', { accept: 'de', fallback: 'nl' }, 'de'],
    ['by quality, not by order', { accept: 'en;q=0.2, de;q=0.5, fr;q=0.9' }, 'fr'],
    ['equal quality by order', { accept: 'de, fr' }, 'de'],
    ['quality with blanks and of any case', { accept: 'en ; Q=0.1 , de ; q=0.7' }, 'de'],
    ['quality 0 is no wish', { accept: 'de;q=0, fr;q=0.1' }, 'fr'],
    ['* is the language of the app', { accept: 'xx, *;q=0.5, de;q=0.1', fallback: 'nl' }, 'nl'],
    ['* behind a language that we have', { accept: 'de, *;q=0.5' }, 'de'],
    ['* is not what was refused', { accept: 'nl;q=0, *;q=0.5, de;q=0.1', fallback: 'nl' }, 'de'],
    ['a region of a language', { accept: 'de-AT' }, 'de'],
    ['case does not matter', { accept: 'PT-br' }, 'pt-BR'],
    ['Portugal reads Brazilian', { accept: 'pt-PT' }, 'pt-BR'],
    ['Portuguese of any kind', { accept: 'pt' }, 'pt-BR'],
    ['British English', { accept: 'en-GB', fallback: 'de' }, 'en'],
    ['Norwegian and Danish: what comes next', { accept: 'nb, da;q=0.9, de;q=0.8' }, 'de'],
    ['Norwegian alone: the app', { accept: 'nb-NO', fallback: 'en' }, 'en'],
    ['Hebrew by its old code', { accept: 'iw' }, 'he'],
    ['Arabic of a country', { accept: 'ar-EG' }, 'ar'],
    ['Mexican Spanish', { accept: 'es-419' }, 'es'],
    ['zh', { accept: 'zh' }, 'zh-Hans'],
    ['zh-CN', { accept: 'zh-CN' }, 'zh-Hans'],
    ['zh-SG', { accept: 'zh-SG' }, 'zh-Hans'],
    ['zh-Hans-HK', { accept: 'zh-Hans-HK' }, 'zh-Hans'],
    [
      'zh-TW with English behind it: English',
      { accept: 'zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7', fallback: 'de' },
      'en',
    ],
    ['zh-Hant with Japanese behind it', { accept: 'zh-Hant, ja;q=0.5' }, 'ja'],
    [
      'zh-HK alone: rather Simplified than what was not named',
      { accept: 'zh-HK', fallback: 'de' },
      'zh-Hans',
    ],
    ['Traditional first, Simplified named too', { accept: 'zh-TW, zh-CN;q=0.5, en;q=0.1' }, 'zh-Hans'],
    ['a script that we lack', { accept: 'sr-Latn, de;q=0.1' }, 'de'],
    ['private use', { accept: 'x-klingon, de;q=0.1' }, 'de'],
    ['what is no tag', { uiLocales: '"> ../../etc __proto__', accept: ';;q=,=,--,de' }, 'de'],
    ['more than anybody reads', { accept: `${'xx,'.repeat(100)}de`, fallback: 'nl' }, 'nl'],
    ['pseudo-locales are for development', { uiLocales: 'qps-ploc' }, 'en'],
  ];
  for (const [title, asked, expected] of table) {
    it(title, () => expect(tagFor(asked)).to.equal(expected));
  }

  it('is the same for pages and mails', () => {
    for (const [, { fallback = 'en', ...asked }, expected] of table) {
      expect(mailLocale(wantedLanguages({ ...asked, fallback })).tag).to.equal(expected);
    }
  });

  it('keeps the language of the app at the end, however many were asked for', () => {
    const wanted = wantedLanguages({
      uiLocales: Array.from({ length: 99 }, (_, at) => `a${'bcdefghijk'[at % 10]}`).join(' '),
      fallback: 'nl',
    });
    expect(wanted.at(-1)).to.equal('nl');
    expect(wanted.length).to.be.at.most(50);
  });
});

describe('texts in other languages', () => {
  const locale = (tag: string) => pageTexts.negotiate([tag]);

  it('takes the plural form that the language has for a number', () => {
    const tries = (tag: string, ...counts: number[]) =>
      counts.map((count) => textOf(locale(tag), 'check_mail.tries_left', { count }));
    expect(tries('pl', 1, 2, 5, 22)).to.deep.equal([
      'Pozostała 1 próba.',
      'Pozostały 2 próby.',
      'Pozostało 5 prób.',
      'Pozostały 22 próby.',
    ]);
    expect(tries('ar', 1, 2, 3, 11)).to.deep.equal([
      'بقيت محاولة واحدة.',
      'بقيت محاولتان.',
      'بقيت 3 محاولات.',
      'بقيت 11 محاولة.',
    ]);
    expect(tries('ja', 1, 2)).to.deep.equal(['あと 1 回入力できます。', 'あと 2 回入力できます。']);
  });

  it('writes numbers with the separators of the language and always with the digits of the code', () => {
    const tries = (tag: string) => textOf(locale(tag), 'check_mail.tries_left', { count: 12_345 });
    expect(tries('de')).to.include('12.345');
    expect(tries('en')).to.include('12,345');
    expect(tries('ar')).to.include('12,345').and.not.match(/[٠-٩]/);
  });

  it('OA-49 isolates values where they could run into the words around them', () => {
    const values = { app: 'Shop (beta)' };
    expect(mailText(mailLocale(['he']), 'sign_in.subject', values)).to.equal(
      'כניסה אל \u2068Shop (beta)\u2069',
    );
    expect(mailText(mailLocale(['en']), 'sign_in.subject', values)).to.equal('Sign in to Shop (beta)');
    expect(mailText(mailLocale(['en']), 'sign_in.subject', { app: 'חנות' })).to.equal(
      'Sign in to \u2068חנות\u2069',
    );
  });
});
