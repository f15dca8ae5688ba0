/**
 * The mails as bytes, read by parsers that share no code with what wrote them: Python's (`email`, policy `default`) and
 * postal-mime. Every kind, in every language, by apps and to devices of hostile names; and as a server gets them.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import PostalMime from 'postal-mime';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { asAppId } from '../../../src/core/ids.ts';
import { composeMail } from '../../../src/mail/compose.ts';
import { MAIL_KINDS, type MailKind } from '../../../src/mail/kinds.ts';
import type { OutgoingMail } from '../../../src/mail/transport.ts';
import { headerText } from '../../../src/mail/transports/addresses.ts';
import { mimeOf } from '../../../src/mail/transports/mime.ts';
import { APPS, ask, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { newBrowser } from '../../support/sign-in.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

const LANGUAGES = ['en', 'de', 'fr', 'es', 'pt-BR', 'it', 'nl', 'pl', 'tr', 'ja', 'zh-Hans', 'ar', 'he'];

/** Names as a configuration may have them, and worse. */
const NAMES = [
  'Shop',
  'Käse & Söhne «Ünïcode»',
  '漢字の会社は長い名前を持つことができますしかも改行なしでこれでもまだ六十文字には足りないのでもう少しだけ続けます',
  'متجر الكتب',
  '🎈 Ballons 🎈',
  '"Evil" <evil@attacker.example>, other@attacker.example',
  'Shop\r\nBcc: bcc@attacker.example\r\n\r\n<h1>hi</h1>',
  '=?utf-8?Q?Shop?= <x@attacker.example>',
  'back\\slash (comment) ; charset=x',
  '<a href="https://attacker.example">click</a>{{7*7}}',
  'a.b@c',
  'x'.repeat(2000),
  '\u202Epohs\u202C \u0000\u2028.',
];
const HOSTILE_DEVICE = '</td><script>x</script>\r\nBcc: bcc@attacker.example\r\n.\r\nFirefox =3D=\r\n'.repeat(
  4,
);

const ALLOWED = new Set([
  'from',
  'to',
  'subject',
  'message-id',
  'date',
  'mime-version',
  'content-type',
  'auto-submitted',
  'x-auto-response-suppress',
  'x-idempotency-key',
  'resend-idempotency-key',
  'x-pm-tracklinks',
  'x-pm-trackopens',
  'x-mailgun-track',
  'x-mailgun-track-clicks',
  'x-mailgun-track-opens',
  'x-mailjet-trackclick',
  'x-mailjet-trackopen',
  'x-mc-track',
  'x-smtpapi',
  'x-msys-api',
  'content-language',
]);

interface Seen {
  readonly headers: Readonly<Record<string, number>>;
  readonly defects: readonly string[];
  readonly from: readonly (readonly [string, string])[];
  readonly to: readonly (readonly [string, string])[];
  readonly cc: readonly unknown[];
  readonly subject: string;
  readonly messageId: string;
  readonly date: number | null;
  readonly types: readonly string[];
  readonly charsets: readonly string[];
  readonly encodings: readonly string[];
  readonly texts: readonly string[];
  readonly preferred: string;
  readonly longest: number;
  readonly bare: number;
  readonly beyondAscii: number;
  readonly nul: number;
}

/** One interpreter for all of them. A machine without one fails here, and does not pass over it. */
function readByPython(mails: readonly Buffer[]): readonly Seen[] {
  const input = mails.map((mail) => mail.toString('base64')).join('\n');
  const script = join(import.meta.dirname, '../../support/read-mails.py');
  const { stdout, stderr, status, error } = spawnSync('python3', [script], {
    input: `${input}\n`,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`python3 is needed for these tests: ${error?.message ?? stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Seen); // the script's own form
}

interface Expected {
  readonly mail: OutgoingMail;
  readonly link: string;
  readonly code: string | undefined;
}

const unescaped = (html: string): string => html.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');

/** What has to be true of every mail, whoever wrote it to whom. */
function check(seen: Seen, { mail, link, code }: Expected, why: string): void {
  expect(seen.defects, why).to.deep.equal([]);
  for (const name of ['from', 'to', 'subject', 'message-id', 'date', 'mime-version', 'content-type'])
    expect(seen.headers[name], `${why}: ${name}`).to.equal(1);
  expect(
    Object.keys(seen.headers).filter((name) => !ALLOWED.has(name)),
    why,
  ).to.deep.equal([]);
  expect(seen.to, why).to.deep.equal([['', mail.to]]);
  expect(
    seen.from.map(([, address]) => address),
    why,
  ).to.deep.equal([mail.from.address]);
  expect(seen.cc, why).to.deep.equal([]);
  expect(seen.messageId, why).to.equal(mail.messageId);
  expect(seen.subject, why).to.equal(headerText(mail.subject));
  expect(seen.date, why).to.equal(Math.floor(mail.date.getTime() / 1000));
  expect(seen.types, why).to.deep.equal(['multipart/alternative', 'text/plain', 'text/html']);
  expect(seen.preferred, why).to.equal('text/html');
  expect(seen.charsets, why).to.deep.equal(['utf-8', 'utf-8']);
  for (const encoding of seen.encodings) expect(encoding, why).to.be.oneOf(['7bit', 'quoted-printable']);
  // RFC 5322 §2.1.1 and §2.3: lines end in CRLF and nothing else does; RFC 5321 without 8BITMIME or SMTPUTF8.
  expect(seen.longest, why).to.be.most(998);
  expect([seen.bare, seen.nul, seen.beyondAscii], why).to.deep.equal([0, 0, 0]);
  const [text = '', html = ''] = seen.texts;
  expect(text.split(/\r?\n/), why).to.include(link);
  expect(unescaped(html), why).to.include(`href="${link}"`);
  const digits = code?.replace(/(....)(....)/, '$1 $2');
  if (digits !== undefined)
    for (const part of [text, html]) expect(part.replaceAll('&nbsp;', ' '), why).to.include(digits);
  expect(html, why).to.not.match(/<script|href="https:\/\/attacker/i);
}

/** An equals sign is what quoted-printable gets wrong first. */
const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S='.repeat(1)}${'S'.repeat(41)}`;

function written(kind: MailKind, name: string, language: string): Expected {
  const values = Object.fromEntries(
    Object.entries(kind.fields).map(([field, { type, sample }]) => [
      field,
      type === 'link' ? LINK : field === 'device' ? HOSTILE_DEVICE : sample,
    ]),
  );
  const mail = composeMail(kind, {
    app: { id: asAppId('shop'), name, accent: '#4f46e5', from: { name, address: 'no-reply@shop.example' } },
    to: 'ann+shop@example.org',
    locales: [language],
    messageId: '<tWc3u0Zl_-9aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@shop.example>',
    date: new Date(Date.UTC(2026, 10, 24, 10)),
    // Of a kind that is only known when the test runs: each field has the type of its sample.
    values: values as Readonly<Record<string, never>>,
  });
  const { code } = kind.fields;
  return { mail, link: LINK, code: code === undefined ? undefined : String(code.sample) };
}

describe('mails as bytes', () => {
  it('ML-61 ML-73 every kind, language and hostile name: one mail to one person, whole and readable', async () => {
    const mails: Expected[] = [];
    for (const kind of MAIL_KINDS) {
      for (const language of LANGUAGES) mails.push(written(kind, NAMES[0] ?? '', language));
      for (const [nth, name] of NAMES.entries()) {
        mails.push(written(kind, name, 'en'), written(kind, name, LANGUAGES[nth % LANGUAGES.length] ?? 'en'));
      }
    }
    expect(mails.length).to.be.above(100);
    const raw = await Promise.all(mails.map(({ mail }) => mimeOf(mail)));
    const seen = readByPython(raw);
    expect(seen).to.have.length(mails.length);
    for (const [nth, expected] of mails.entries()) {
      const one = seen[nth];
      if (!one) throw new Error('a mail is missing');
      const why = `${nth}: ${expected.mail.subject} (${expected.mail.from.name})`;
      check(one, expected, why);
      const [[name = ''] = []] = one.from;
      expect(name, why).to.equal(headerText(expected.mail.from.name));
      expect(one.headers.bcc, why).to.equal(undefined);
    }
  });

  it('a second parser, of another family, sees the same', async () => {
    for (const kind of MAIL_KINDS) {
      for (const name of NAMES) {
        const { mail, link } = written(kind, name, 'ja');
        const read = await PostalMime.parse(await mimeOf(mail));
        expect(read.to, name).to.deep.equal([{ name: '', address: mail.to }]);
        expect(read.from?.address, name).to.equal(mail.from.address);
        expect(read.subject, name).to.equal(headerText(mail.subject));
        expect(read.messageId, name).to.equal(mail.messageId);
        expect(read.cc, name).to.equal(undefined);
        expect(read.bcc, name).to.equal(undefined);
        expect(read.attachments, name).to.deep.equal([]);
        expect(read.text?.split('\n'), name).to.include(link);
        expect(unescaped(read.html ?? ''), name).to.include(`href="${link}"`);
      }
    }
  });

  describe('as a mail server gets them', () => {
    let sink: SmtpSink;
    let harness: Harness;
    before(async () => {
      sink = await startSmtpSink();
      const mail = { smtp_url: sink.url, from: 'Käse, "Söhne" & Co. <no-reply@shop.example>' };
      const limits = { mails_per_network: 1000, mails_per_app: 1000 };
      harness = await startPostern({
        apps: { shop: { ...APPS.shop, name: 'Käse & Söhne 漢字 «متجر»', mail, limits } },
        config: { smtpUrl: sink.url },
      });
    });
    after(async () => {
      await harness.close();
      await sink.close();
    });

    it('in every language, from a hostile device', async () => {
      const got: { raw: string; to: string }[] = [];
      for (const acceptLanguage of LANGUAGES) {
        const to = newAddress();
        const userAgent = `Mozilla/5.0 (<b>x</b> =0D=0A.${'y'.repeat(500)}) Firefox/140.0`;
        await ask(newBrowser(harness, { acceptLanguage, userAgent }), harness.rp(), to);
        await harness.server.jobs.runDue();
        got.push({ raw: (await sink.mailTo(to)).raw, to });
      }
      const seen = readByPython(got.map(({ raw }) => Buffer.from(raw)));
      for (const [nth, { to }] of got.entries()) {
        const one = seen[nth];
        if (!one) throw new Error('a mail is missing');
        const link = /^https?:\/\/\S+\/link\/\S+$/m.exec(one.texts[0] ?? '')?.[0] ?? '';
        const code = /\b(\d{4}) (\d{4})\b/.exec(one.texts[0] ?? '');
        expect(link).to.match(/^http:\/\/localhost:\d+\/shop\/link\/[\w-]{22}#[\w-]{43}$/);
        const date = new Date(Math.floor((one.date ?? 0) * SECOND));
        expect(Math.abs(date.getTime() - harness.clock.now())).to.be.below(5 * MINUTE);
        const mail = {
          to,
          from: { name: '', address: 'no-reply@shop.example' },
          messageId: one.messageId,
          subject: one.subject,
          date,
        };
        check(
          one,
          { mail: mail as OutgoingMail, link, code: `${code?.[1]}${code?.[2]}` },
          LANGUAGES[nth] ?? '',
        );
        expect(one.from[0]?.[0]).to.equal('Käse, "Söhne" & Co.');
        expect(one.messageId).to.match(/^<[\w-]{43}@shop\.example>$/);
      }
      expect(new Set(seen.map(({ messageId }) => messageId)).size).to.equal(LANGUAGES.length);
      expect(new Set(seen.map(({ subject }) => subject)).size).to.equal(LANGUAGES.length);
    });
  });
});
