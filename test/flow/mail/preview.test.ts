/** What somebody who writes templates looks at: the preview in development, and a test mail. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { auditOf } from '../../support/logins.ts';
import { GOOD_HTML } from '../../support/mail-template.ts';
import { operator } from '../../support/operator.ts';
import { askForMail } from '../../support/sign-in.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

describe('looking at mails', () => {
  const secret = randomBytes(32);
  let harness: Harness;
  let sink: SmtpSink;
  let postern: ReturnType<typeof operator>;
  const get = (path: string) => fetch(`${harness.url}${path}`, { redirect: 'manual' });

  before(async () => {
    sink = await startSmtpSink();
    harness = await startPostern({ secrets: [secret] });
    const shop = { ...APPS.shop, mail: { smtp_url: sink.url, from: 'Shop <no-reply@shop.example>' } };
    postern = operator(harness, { ...APPS, shop }, secret);
  });
  after(async () => {
    await harness.close();
    await sink.close();
  });

  it('the preview shows every kind of mail in every language, and makes no live link', async () => {
    const list = await (await get('/dev/mail')).text();
    expect(list).to.include('href="/dev/mail/shop/sign-in"').and.include('href="/dev/mail/studio/sign-in"');
    const page = await (await get('/dev/mail/shop/sign-in?lang=de')).text();
    expect(page).to.include('lang="he"').and.include('/dev/mail/shop/sign-in/html?lang&#x3D;de');
    const part = await get('/dev/mail/shop/sign-in/html?lang=he');
    expect(part.headers.get('content-security-policy'))
      .to.include("default-src 'none'")
      .and.include('sandbox');
    const html = await part.text();
    expect(html).to.include('<html lang="he" dir="rtl"').and.include('/shop/link/sample0000000000000000#');
    expect(await auditOf(harness)).to.deep.equal([]);
    for (const path of ['/dev/mail/nobody/sign-in', '/dev/mail/shop/sign-up', '/dev/mail/shop/sign-in/x'])
      expect((await get(path)).status, path).to.equal(404);
  });

  it('a test mail goes through the transport of the app, marked, with a dead link and no live code', async () => {
    const { code, out, err } = await postern('mail test-send shop sign-in --to ann@example.org');
    expect(err.join('\n')).to.not.include('error');
    expect(code, err.join('\n')).to.equal(EXIT.ok);
    expect(out.join('\n')).to.match(/^smtp: accepted/);
    const [mail, ...more] = sink.mails;
    expect(more).to.deep.equal([]);
    expect(mail?.to).to.deep.equal(['ann@example.org']);
    expect(mail?.parsed.subject).to.equal('[Test] Sign in to Shop');
    expect(mail?.parsed.text).to.include('/shop/link/sample0000000000000000#');
    const live = await askForMail(harness);
    expect(mail?.parsed.text).not.to.include(live.mail.secret);
  });

  it('a test mail says what the server answered, and needs a recipient and a server', async () => {
    sink.script({ at: 'RCPT', reply: 550 });
    const refused = await postern('mail test-send shop sign-in --to ann@example.org');
    expect(refused.code).to.equal(EXIT.failed);
    expect(refused.out.join('\n')).to.match(/^smtp: refused \(.*550/);
    for (const [line, word] of [
      ['mail test-send shop sign-in', '--to'],
      ['mail test-send shop sign-in --to ann', 'no email address'],
      ['mail test-send studio sign-in --to ann@example.org', 'no mail server'],
    ] as const) {
      const { code, err } = await postern(line);
      expect(code, line).to.not.equal(EXIT.ok);
      expect(err.join('\n'), line).to.include(word);
    }
  });

  it('a preview by command is written to a file too', async () => {
    writeFileSync(join(harness.directory, 'good.html'), GOOD_HTML);
    expect((await postern('mail template check shop sign-in --html good.html')).code).to.equal(EXIT.ok);
    const { code, out } = await postern('mail template preview shop sign-in --lang de --out mail.html');
    expect([code, out]).to.deep.equal([EXIT.ok, []]);
  });
});
