/** In which language a person is answered: pages, errors, the link, the mail, and what discovery says of it. */
import { expect } from 'chai';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import type { Answer, Browser } from '../../support/relying-party.ts';
import { askForMail, landingOf, newBrowser } from '../../support/sign-in.ts';
import { get, jsonOf } from '../../support/wire-forms.ts';

const reader = (harness: Harness, languages: string): Browser =>
  newBrowser(harness, { acceptLanguage: languages });

function expectLanguage(answer: Answer, lang: string, words: string): void {
  expect(answer.body).to.match(
    new RegExp(`<html lang="${lang}" dir="${/^(ar|he)$/.test(lang) ? 'rtl' : 'ltr'}">`),
  );
  expect(answer.body).to.include(words);
  expect(answer.headers['content-language']).to.equal(lang);
  expect(String(answer.headers.vary).toLowerCase()).to.include('accept-language');
}

describe('languages', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({
      pseudoLocales: false,
      apps: {
        ...APPS,
        studio: {
          ...APPS.studio,
          locale: 'fr',
          locales: ['fr', 'de'],
          texts: { fr: { 'sign_in.heading': 'Bienvenue', 'mail.sign_in.subject': 'Votre accès à {app}' } },
        },
      },
    });
  });
  after(() => harness.close());

  const opened = async (browser: Browser, params: Record<string, string> = {}, slug = 'shop') =>
    browser.visit(await harness.rp(slug).authorizationUrl(params));

  it('a page: ui_locales, then Accept-Language, then the app', async () => {
    expectLanguage(await opened(reader(harness, 'de'), { ui_locales: 'xx he' }), 'he', 'כתובת דוא״ל');
    expectLanguage(await opened(reader(harness, 'xx, de;q=0.4')), 'de', 'E-Mail-Adresse');
    expectLanguage(await opened(reader(harness, 'xx')), 'en', 'Email address');
    expectLanguage(await opened(reader(harness, 'xx'), {}, 'studio'), 'fr', 'Adresse e-mail');
  });

  it('an app speaks its own languages only, in its own words', async () => {
    expectLanguage(await opened(reader(harness, 'it, de;q=0.1'), {}, 'studio'), 'de', 'Anmelden');
    const page = await opened(reader(harness, 'it'), {}, 'studio');
    expectLanguage(page, 'fr', 'Bienvenue');
    expect(page.body).not.to.include('>Connexion<');
    expect((await opened(reader(harness, 'fr'))).body, 'another app').to.include('Connexion');
  });

  it('error pages too: of the house, of the engine, and where no app is known', async () => {
    const browser = reader(harness, 'ja');
    const url = (path: string) => `${harness.url}${path}`;
    expectLanguage(
      await browser.visit(url('/shop/interaction/unknown-unknown-unknown')),
      'ja',
      'このサインインは終了しました',
    );
    expectLanguage(await browser.visit(url('/shop/auth?client_id=nobody')), 'ja', '元のアプリ');
    expectLanguage(await browser.visit(url('/shop/auth?client_id=nobody&ui_locales=pl')), 'pl', 'aplikacji');
    expectLanguage(await browser.visit(url('/nowhere')), 'ja', 'ページが見つかりません');
  });

  it('the mail and its link speak the language that was asked for, in the browser that asked', async () => {
    const browser = reader(harness, 'de');
    const address = newAddress();
    const { mail } = await askForMail(harness, { address, browser, params: { ui_locales: 'ar' } });
    expect(mail.html).to.match(/<html lang="ar" dir="rtl"/);
    expect(mail.subject).to.equal('تسجيل الدخول إلى \u2068Shop\u2069');
    expectLanguage(await browser.visit(landingOf(mail)), 'ar', 'لحظة من فضلك');
    expectLanguage(await reader(harness, 'nl').visit(landingOf(mail)), 'nl', 'Rond het af waar je begon');
  });

  it('a mail in the own words of its app', async () => {
    const address = newAddress();
    const { mail } = await askForMail(harness, { address, slug: 'studio', browser: reader(harness, 'it') });
    expect(mail.subject).to.equal('Votre accès à Studio');
  });

  it('discovery names the languages of the app, and no languages of claims, which there are not', async () => {
    const of = async (slug: string) =>
      jsonOf(await get(`${harness.url}/${slug}/.well-known/openid-configuration`));
    expect((await of('studio')).ui_locales_supported).to.deep.equal(['fr', 'de']);
    expect((await of('shop')).ui_locales_supported).to.include.members(['en', 'pt-BR', 'zh-Hans', 'ar']);
    expect(await of('shop')).not.to.have.property('claims_locales_supported');
  });
});
