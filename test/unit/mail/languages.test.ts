/** Every kind of mail in every language, as its bytes and read by a MIME parser that is none of ours. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseDocument } from 'htmlparser2';
import { simpleParser } from 'mailparser';
import { asAppId } from '../../../src/core/ids.ts';
import { composeMail, type MailDraft } from '../../../src/mail/compose.ts';
import { MAIL_KINDS, type MailKind, type MailValues } from '../../../src/mail/kinds.ts';
import { mailTexts } from '../../../src/mail/texts.ts';
import { mimeOf } from '../../../src/mail/transports/mime.ts';

const PICTURES = process.env.PICTURES;

const draftOf = (kind: MailKind, tag: string): MailDraft => ({
  app: {
    id: asAppId('shop'),
    name: 'Shop',
    accent: '#4f46e5',
    from: { name: 'Shop', address: 'no-reply@shop.example' },
  },
  to: 'a@example.org',
  locales: [tag],
  messageId: '<id@shop.example>',
  date: new Date(Date.UTC(2026, 10, 23, 19, 4)),
  // Made from the fields of this very kind, which `fromEntries` forgets.
  values: Object.fromEntries(
    Object.entries(kind.fields).map(([name, { sample }]) => [name, sample]),
  ) as MailValues<MailKind>,
});

describe('mails in every language', () => {
  for (const kind of MAIL_KINDS) {
    for (const { tag, dir, texts } of mailTexts.stored.values()) {
      it(`${kind.name} in ${tag}: subject and both parts arrive whole`, async () => {
        const mail = composeMail(kind, draftOf(kind, tag));
        const raw = await mimeOf(mail);
        const parsed = await simpleParser(raw);
        expect(parsed.subject).to.equal(mail.subject);
        expect(parsed.text?.trimEnd()).to.equal(mail.text.trimEnd());
        expect(String(parsed.html).trimEnd()).to.equal(mail.html.trimEnd());
        expect(String(parsed.html)).to.match(new RegExp(`<html lang="${tag}" dir="${dir}"`));
        // RFC 5321 §4.5.3.1.6; servers break or refuse longer lines, and with them the link.
        for (const line of raw.toString('latin1').split('\r\n')) expect(line.length).to.be.at.most(998);
        for (const part of [mail.subject, mail.text, mail.html.replace(/<style[\s\S]*?<\/style>/, '')]) {
          expect(part).not.to.match(/\{[a-z_]+\}|undefined|NaN|\[object/);
        }
        // The subject in the person's language, not in English with the rest translated.
        const subject = texts[kind.subject]?.replace(/\{[a-z_]+\}/g, '').trim() ?? '';
        expect(mail.subject.replace(/[\u2068\u2069]/g, '')).to.include(subject.split('  ')[0]);
        expect(() => parseDocument(mail.html)).not.to.throw();
        if (PICTURES) keep(`${kind.name}.${tag}.html`, mail.html);
      });
    }
  }

  it('the code and the times have the same digits in every language', () => {
    for (const kind of MAIL_KINDS) {
      for (const { tag } of mailTexts.stored.values()) {
        const { text, html } = composeMail(kind, draftOf(kind, tag));
        if ('code' in kind.fields) expect(text).to.include('1234 5678');
        expect(text + html, tag).not.to.match(/[٠-٩۰-۹०-९]/);
      }
    }
  });
});

function keep(name: string, html: string): void {
  mkdirSync(PICTURES ?? '', { recursive: true });
  writeFileSync(join(PICTURES ?? '', name), html);
}
