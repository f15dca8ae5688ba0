/** An operator's own mail templates, from the command line to the mailbox, while the servers run. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildServer } from '../../../src/app.ts';
import { EXIT } from '../../../src/cli/command.ts';
import type { AppId } from '../../../src/core/ids.ts';
import { TemplateStore } from '../../../src/mail/caged/template-store.ts';
import { openStore } from '../../../src/store/open.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { auditOf } from '../../support/logins.ts';
import { GOOD_HTML, GOOD_TEXT, htmlWith, PLACE_LINE } from '../../support/mail-template.ts';
import { operator } from '../../support/operator.ts';
import { askForMail } from '../../support/sign-in.ts';

const FOLLOW = 2000;

describe('mail templates of an app', () => {
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  const put = (name: string, text: string): void => writeFileSync(join(harness.directory, name), text);
  const idOf = (slug: string): AppId => {
    const app = harness.server.apps.bySlug(slug);
    if (!app) throw new Error(`no app ${slug}`);
    return app.id;
  };

  beforeEach(async () => {
    harness = await startPostern({ secrets: [secret] });
    postern = operator(harness, APPS, secret);
    put('good.html', GOOD_HTML);
    put('good.text', GOOD_TEXT);
    put('good.subject', 'Your way into {{app}}\n');
  });
  afterEach(() => harness.close());

  it('a saved template writes the mails of its app, kind and language on all servers, until it is removed', async () => {
    expect((await askForMail(harness)).mail.subject).to.equal('Sign in to Shop');
    const saved = await postern(
      'mail template set shop sign-in --html good.html --text good.text --subject good.subject',
    );
    expect(saved.err.join('\n')).to.equal('');
    expect(saved.out).to.deep.equal(['shop: sign-in saved (subject, text, html)']);
    harness.clock.move(FOLLOW);
    // As often as there are servers, and once more.
    for (let nth = 0; nth < 3; nth += 1) {
      const { mail } = await askForMail(harness);
      expect(mail.subject).to.equal('Your way into Shop');
      expect(mail.html).to.include('Hello from Shop').and.include(`href="${mail.link}"`);
      const code = mail.code.replace(/^\d{4}/, '$& ');
      expect(mail.html).to.include(`<p>${code}</p>`);
      expect(mail.text.split('\n')).to.include(mail.link).and.include(code);
    }
    expect((await askForMail(harness, { slug: 'studio' })).mail.subject).to.equal('Sign in to Studio');
    expect((await postern('mail template list shop')).out.join('\n')).to.match(
      /^sign-in +store +subject,text,html +in use$/,
    );
    expect((await postern('mail template show shop sign-in --part subject')).out).to.deep.equal([
      'Your way into {{app}}',
    ]);
    expect((await postern('mail template remove shop sign-in')).code).to.equal(EXIT.ok);
    harness.clock.move(FOLLOW);
    expect((await askForMail(harness)).mail.subject).to.equal('Sign in to Shop');
  });

  it('ML-74 ML-76 a hostile template is refused with line and reason, and nothing is saved', async () => {
    for (const [source, line, reason] of [
      ['<p>{{{device}}}</p>', PLACE_LINE, 'unescaped'],
      ['<p>x</p>\n<a href="https://evil.example/?{{link}}">x</a>', PLACE_LINE + 1, 'href'],
      ['{{#each this}}{{@key}},{{/each}}', PLACE_LINE, 'block'],
    ] as const) {
      put('bad.html', htmlWith(source));
      for (const verb of ['set', 'check']) {
        const { code, err } = await postern(`mail template ${verb} shop sign-in --html bad.html`);
        expect(code).to.equal(EXIT.failed);
        expect(err.join('\n')).to.match(new RegExp(`html:${line}:\\d+: refused: .*${reason}`));
      }
    }
    expect((await postern('mail template list shop')).out).to.deep.equal([]);
  });

  it('ML-74 a stored template that is bad gives way to the built-in one; the mail goes out, one alert is given', async () => {
    // As an older release would have saved it, or somebody with a hand in the store.
    const store = openStore(harness.config.storeUrl);
    const bad = { html: '<p>{{constructor.constructor}}</p>' };
    await new TemplateStore(store).save(
      idOf('shop'),
      { kind: 'sign-in', lang: undefined },
      bad,
      harness.clock.now(),
    );
    await store.close();
    harness.clock.move(FOLLOW);
    for (let nth = 0; nth < 3; nth += 1) {
      const { mail } = await askForMail(harness);
      expect(mail.subject).to.equal('Sign in to Shop');
      expect(mail.html).to.include(mail.link).and.not.include('constructor');
    }
    const alerts = (await auditOf(harness)).filter(({ type }) => type === 'mail.template_failed');
    expect(alerts).to.have.length(1);
    expect(alerts[0]).to.deep.include({ template: 'sign-in' });
    expect(JSON.stringify(alerts)).to.match(/html:1: the path constructor\.constructor/);
    expect((await postern('mail template list shop')).out.join('\n')).to.match(/refused/);
  });

  it('ML-75 a template sees the documented fields and nothing else', async () => {
    const { out } = await postern('mail template check shop sign-in --html good.html');
    expect(out).to.deep.equal(['OK']);
    put('curious.html', htmlWith('<p>{{smtp_url}}</p>'));
    const { err } = await postern('mail template check shop sign-in --html curious.html');
    expect(err.join('\n')).to.match(
      /there is no field smtp_url; name one of link, code, device, asked_at, valid_until, minutes, app, /,
    );
  });

  it('the language of the reader decides; one that Postern does not speak may have a template too', async () => {
    put('sv.subject', 'Logga in');
    await postern('mail template set shop sign-in --lang sv --subject sv.subject');
    await postern('mail template set shop sign-in --subject good.subject');
    harness.clock.move(FOLLOW);
    const inSwedish = await askForMail(harness, { params: { ui_locales: 'sv' } });
    expect(inSwedish.mail.subject).to.equal('Logga in');
    expect((await askForMail(harness, { params: { ui_locales: 'en' } })).mail.subject).to.equal(
      'Your way into Shop',
    );
  });

  it('a preview shows the mail as it would be sent, with a dead link', async () => {
    await postern('mail template set shop sign-in --html good.html');
    const html = (await postern('mail template preview shop sign-in')).out.join('\n');
    expect(html).to.include('Hello from Shop').and.include('/shop/link/sample0000000000000000#');
    expect((await postern('mail template preview shop sign-in --part subject')).out).to.deep.equal([
      'Sign in to Shop',
    ]);
    const without = (await postern('mail template preview shop sign-in --without-code')).out.join('\n');
    expect(without).to.include('Only in this browser.').and.not.include('1234');
  });

  it('a folder of the configuration is used from the start on; a bad file in it stops the start with its line', async () => {
    const folder = join(harness.directory, 'templates');
    mkdirSync(folder);
    writeFileSync(join(folder, 'sign-in.subject.hbs'), 'From the file of {{app}}\n');
    const shop = harness.config.apps.shop;
    if (!shop) throw new Error('no app');
    const apps = { shop: { ...shop, mail: { ...shop.mail, templates: folder } } };
    const started = await startPostern({ config: { apps } });
    expect((await askForMail(started)).mail.subject).to.equal('From the file of Shop');
    await started.close();

    writeFileSync(join(folder, 'sign-in.de.html.hbs'), htmlWith('<script>x()</script>'));
    writeFileSync(join(folder, 'README.md'), '');
    const store = openStore(harness.config.storeUrl);
    const refused = await buildServer({ ...harness.config, apps }, { store }).catch(String);
    await store.close();
    expect(refused).to.match(new RegExp(`shop: sign-in\\.de\\.html:${PLACE_LINE}:\\d+: refused: <script>`));
    expect(refused).to.include('README.md is no template');
  });

  it('says what it does not understand', async () => {
    for (const [line, word] of [
      ['mail template set shop', '<kind>'],
      ['mail template set shop sign-up', 'sign-in'],
      ['mail template set nobody sign-in', 'nobody'],
      ['mail template set shop sign-in --lang klingon!', 'klingon'],
      ['mail template preview shop sign-in --part head', '--part'],
    ] as const) {
      const { code, err } = await postern(line);
      expect(code, line).to.equal(EXIT.usage);
      expect(err.join('\n'), line).to.include(word);
    }
    expect((await postern('mail template set shop sign-in')).err.join('\n')).to.include('nothing in it');
    const { err } = await postern('mail template set shop sign-in --html nowhere.html');
    expect(err.join('\n')).to.include('nowhere.html cannot be read (ENOENT)');
  });
});
