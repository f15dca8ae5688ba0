/** What the configuration file may say of the languages of an app, and that it is what people then read. */
import { expect } from 'chai';
import { mailLanguages, pageLanguages } from '../../src/core/catalogue.ts';
import { pageTexts, translate } from '../../src/http/locales.ts';
import { render } from '../../src/http/render.ts';
import { mailLocale, mailText } from '../../src/mail/texts.ts';
import { SAMPLES } from '../support/page-samples.ts';
import { configOf, faultsOf, PRODUCTION, Workplace } from './config.fixture.ts';

const CLIENTS = {
  web: { redirect_uris: ['https://shop.example/callback'], token_endpoint_auth_method: 'none' },
};

describe('configuration of languages', () => {
  const place = new Workplace();
  after(() => place.remove());
  const load = (app: object) =>
    place.load(PRODUCTION, JSON.stringify({ apps: { shop: { name: 'Shop', clients: CLIENTS, ...app } } }));
  const faults = (app: object): string => faultsOf(load(app)).join('\n');
  const shop = (app: object) => {
    const { shop: settings } = configOf(load(app)).apps;
    if (!settings) throw new Error('no shop');
    return settings;
  };

  it('an app that says nothing has all languages and no words of its own', () => {
    expect(shop({}).locales).to.deep.equal([...pageTexts.stored.values()].map(({ tag }) => tag).sort());
    expect(shop({}).texts).to.deep.equal({});
  });

  for (const [title, app, message] of [
    ['a language that there is not', { locales: ['de', 'xx'], locale: 'de' }, /apps\.shop\.locales\[1\]/],
    ['no language', { locales: [] }, /apps\.shop\.locales/],
    ['a language twice', { locales: ['en', 'en'] }, /names a language twice/],
    [
      'a default that is none of the languages',
      { locales: ['de', 'fr'] },
      /apps\.shop\.locale: en is none of this app's languages: de, fr/,
    ],
    ['a default that nobody speaks', { locale: 'sv' }, /apps\.shop\.locale: sv is none/],
    [
      'texts in a language that there is not',
      { texts: { sv: { 'sign_in.heading': 'Hej' } } },
      /apps\.shop\.texts\.sv: is no language that there is: ar, de/,
    ],
    [
      'an unknown text',
      { texts: { de: { 'sign_in.headnig': 'Hallo' } } },
      /apps\.shop\.texts\.de\["sign_in\.headnig"\]: there is no such text; did you mean sign_in\.heading\?/,
    ],
    [
      'a wrong placeholder',
      { texts: { de: { 'sign_in.lead': 'zu {app}' } } },
      /texts\.de\["sign_in\.lead"\]: lacks \{client\}/,
    ],
    [
      'a placeholder too many in a mail',
      { texts: { en: { 'mail.sign_in.subject': '{app} {code}' } } },
      /texts\.en\["mail\.sign_in\.subject"\]: has \{code\}, which is never filled in/,
    ],
    [
      'a plural form that the language has not',
      { texts: { ja: { 'check_mail.tries_left.one': 'あと {count} 回' } } },
      /there is no such text/,
    ],
    [
      'ML-61 a line break in a subject',
      { texts: { en: { 'mail.sign_in.subject': '{app}\r\nBcc: x@y.z' } } },
      /must be one line/,
    ],
    ['an empty text', { texts: { en: { 'sign_in.heading': '' } } }, /texts\.en\["sign_in\.heading"\]/],
    ['a brace alone', { texts: { en: { 'sign_in.heading': 'a { b' } } }, /a brace that belongs to no/],
  ] as const) {
    it(`refuses ${title}`, () => expect(faults(app)).to.match(message));
  }

  it('a default may be a variant of a language that there is', () => {
    expect(faults({ locale: 'de-AT', locales: ['de'] })).to.equal('');
    expect(faults({ locale: 'pt-PT' })).to.equal('');
  });

  it('only the languages of the app are spoken, the default for all others', () => {
    const settings = shop({ locales: ['de', 'fr'], locale: 'fr' });
    const of = (...wanted: string[]) =>
      pageTexts.negotiate([...wanted, settings.locale], pageLanguages(settings)).tag;
    expect([of('de'), of('it'), of('en', 'de'), of('xx')]).to.deep.equal(['de', 'fr', 'de', 'fr']);
    expect(mailLocale(['it', 'fr'], mailLanguages(settings)).tag).to.equal('fr');
  });

  it('own words take the place of ours in pages and mails, and of that language only', () => {
    const settings = shop({
      texts: {
        de: { 'sign_in.heading': 'Willkommen', 'mail.sign_in.subject': 'Ihr Weg zu {app}' },
        pl: { 'check_mail.tries_left.few': 'Zostały {count}.' },
      },
    });
    const languages = pageLanguages(settings);
    const german = pageTexts.negotiate(['de'], languages);
    expect(translate(german, 'sign_in.heading')).to.equal('Willkommen');
    expect(translate(german, 'sign_in.submit')).to.equal('Weiter mit E-Mail');
    expect(translate(pageTexts.negotiate(['fr'], languages), 'sign_in.heading')).to.equal('Connexion');
    expect(translate(pageTexts.negotiate(['pl'], languages), 'check_mail.tries_left', { count: 3 })).to.equal(
      'Zostały 3.',
    );
    expect(translate(pageTexts.negotiate(['de']), 'sign_in.heading'), 'of another app').to.equal('Anmelden');
    const mail = mailLocale(['de'], mailLanguages(settings));
    expect(mailText(mail, 'sign_in.subject', { app: 'Shop' })).to.equal('Ihr Weg zu Shop');
    expect(pageTexts.negotiate(['de'], pageLanguages(settings)), 'compiled once').to.equal(german);
  });

  it('ML-73 own words are text: markup and template marks in them are shown, not run', () => {
    const { texts, locales } = shop({ texts: { en: { 'sign_in.note': '<b>x</b> & "y"' } } });
    const page = SAMPLES['sign-in'];
    if (!page) throw new Error('no sample');
    const { html } = render(page, {
      locales: ['en'],
      nonce: 'n',
      languages: pageLanguages({ texts, locales }),
    });
    expect(html).to.include('&lt;b&gt;x&lt;/b&gt; &amp; &quot;y&quot;').and.not.include('<b>x');
  });
});
