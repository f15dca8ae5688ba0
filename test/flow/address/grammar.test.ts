/** Which strings are one address; everything else is refused before anything is stored or mailed. */
import { expect } from 'chai';
import { APPS, ask, type Harness, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { type Answer, type Browser, formWith, pageOf } from '../../support/relying-party.ts';
import { csrfOf, newBrowser } from '../../support/sign-in.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'ML-60 many recipients in one string': [
    'a@x.com,b@y.com',
    'a@x.com;b@y.com',
    'a@x.com b@y.com',
    'a@x.com\tb@y.com',
    'grp: a@x.com, b@y.com;',
    'Name <a@x.com>',
    '<a@x.com>',
    '<a@x.com>b@y.com',
    '<a@x.com>evil@z.com',
    '["a@x.com","b@y.com"]',
    'a@x.com@y.com',
    '@relay.com:a@x.com',
  ],
  'ML-61 line breaks and their encodings': [
    'a@x.com\r\nBcc: evil@z.com',
    'a@x.com\nBcc: evil@z.com',
    'a@x.com\rBcc: evil@z.com',
    'a@x.com%0d%0aBcc:evil@z.com',
    'a@x.com%0aBcc:evil@z.com',
    'a%0d%0aBcc%3aevil@z.com',
    'a@x.com\u2028Bcc: evil@z.com',
    'a@x.com\u0085Bcc: evil@z.com',
    'a@x.com\u0000',
    'a\u0000@x.com',
    'a@x.com\u000b',
    '\u200ba@x.com',
  ],
  'ML-62 quoted local parts, comments, literals': [
    '"e@attacker.com"@victim.com',
    '"a@b x"@victim.com',
    '"a"@x.com',
    '(c)a@x.com',
    'a(c)@x.com',
    'a@x.com(c)',
    'a@[127.0.0.1]',
    'a@[IPv6:::1]',
    'a\\@b@x.com',
    'user%victim.com@relay.com',
    'host!user@relay.com',
  ],
  'ML-63 Unicode signs that normalise to others': [
    'victim\uff20x.com',
    'victim\ufe6bx.com',
    'victim@x\u2024com',
    'victim@x\u3002com',
    'victim@x\uff0ecom',
    '\uff56ictim@x.com',
    'victim@\uff58.com',
    'vic\u200dtim@x.com',
    'victim@x\u200d.com',
    '\u202evictim@x.com',
    'victim@x.com\u202c',
    'victim@x\u00adx.com',
  ],
  'ML-65 Unicode letters that fold to ASCII': ['m\u0131ke@x.com', 'mi\u017fe@x.com', '\u0130ke@x.com'],
  'ML-68 length and shape': [
    `${'a'.repeat(65)}@x.com`,
    `a@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.${'e'.repeat(63)}.com`,
    `a@${'b'.repeat(64)}.com`,
    `${'a'.repeat(100_00)}@x.com`,
    'a@localhost',
    'a@x.com.',
    'a@.x.com',
    'a@x..com',
    'a@-x.com',
    'a@x-.com',
    'a@x_y.com',
    'a@127.0.0.1',
    'a@x.123',
    '.a@x.com',
    'a.@x.com',
    'a..b@x.com',
    'a@',
    '@x.com',
    '@',
    'plain',
    '',
    ' ',
    'mailto:a@x.com',
    'https://a@x.com',
  ],
};

describe('the address', () => {
  let sink: SmtpSink;
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    sink = await startSmtpSink();
    harness = await startPostern({ apps: APPS, config: { smtpUrl: sink.url } });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
    await sink.close();
  });
  beforeEach(async () => {
    await harness.server.jobs.runDue();
    sink.clear();
  });

  /** Nothing was stored and nobody was written to. */
  async function expectNothing(): Promise<void> {
    await harness.server.jobs.runDue();
    expect(sink.recipients).to.deep.equal([]);
    expect(await inspection.challenges()).to.have.length(0);
  }

  async function firstPage(): Promise<{ browser: Browser; page: Answer }> {
    const browser = newBrowser(harness);
    return { browser, page: await browser.visit(await harness.rp().authorizationUrl()) };
  }

  for (const [title, addresses] of Object.entries(REFUSED)) {
    it(`${title}: refused, nobody is mailed`, async () => {
      const { browser, page } = await firstPage();
      for (const email of addresses) {
        const answer = await browser.clone().submit(formWith(page, 'email'), { email }, { from: page.url });
        expect(answer.status, JSON.stringify(email.slice(0, 60))).to.equal(400);
        expect(pageOf(answer).text).to.include('does not look like an email address');
      }
      await expectNothing();
    });
  }

  it('ML-60 ML-69 doubled fields, nested fields and other types of body: refused, nobody is mailed', async () => {
    const { browser, page } = await firstPage();
    const url = formWith(page, 'email').action;
    const csrf = csrfOf(page);
    const FORM = 'application/x-www-form-urlencoded';
    const tries: readonly (readonly [string, string, number])[] = [
      [FORM, `csrf=${csrf}&email=a%40x.com&email=b%40y.com`, 400],
      [FORM, `csrf=${csrf}&csrf=${csrf}&email=a%40x.com`, 400],
      [FORM, `csrf=${csrf}&email[]=a%40x.com`, 400],
      [FORM, `csrf=${csrf}&email[$ne]=x`, 400],
      [FORM, `csrf=${csrf}&email[address]=a%40x.com`, 400],
      [FORM, `csrf=${csrf}`, 400],
      ['application/json', `{"csrf":"${csrf}","email":"a@x.com"}`, 400],
      ['application/json', `{"csrf":"${csrf}","email":{"$ne":null}}`, 400],
      ['application/json', `{"csrf":"${csrf}","email":["a@x.com","b@y.com"]}`, 400],
      [
        'multipart/form-data; boundary=x',
        `--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@x.com\r\n--x--`,
        400,
      ],
      ['text/plain', `csrf=${csrf}&email=a@x.com`, 400],
    ];
    for (const [type, body, status] of tries) {
      const answer = await browser.fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
      expect(answer.status, `${type} ${body}`).to.equal(status);
    }
    await expectNothing();
  });

  it('ML-69 operators in place of code and secret match nothing', async () => {
    const browser = newBrowser(harness);
    const waiting = await ask(browser, harness.rp(), 'ops@example.org');
    const csrf = csrfOf(waiting);
    const redeem = waiting.url.replace('/begin', '/redeem');
    const [challenge] = await inspection.challenges();
    for (const url of [redeem, `${redeem}/${challenge?.id}`, `${redeem}/$ne`, `${redeem}/[object Object]`]) {
      for (const field of [
        'code[$ne]=x',
        'code[$regex]=.*',
        'secret[$ne]=x',
        'secret[$regex]=.*',
        'code=.*',
        'secret=.*',
      ]) {
        const body = `csrf=${encodeURIComponent(csrf)}&${field}`;
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        const answer = await browser.fetch(encodeURI(url), { method: 'POST', headers, body });
        expect(answer.status, `${url} ${field}`).to.be.oneOf([400, 404, 429]);
      }
    }
    expect(await inspection.statusOf(challenge?.id ?? '')).to.equal('pending');
  });

  it('ML-68 an address of 100 KB is refused by its size, before it is read', async () => {
    const { browser, page } = await firstPage();
    const body = { csrf: csrfOf(page), email: `${'a'.repeat(100_000)}@x.com` };
    const answer = await browser.visit(formWith(page, 'email').action, {
      method: 'POST',
      body,
      from: page.url,
    });
    expect(answer.status).to.equal(413);
  });

  it('ML-63 the recipient is the stored address, byte for byte, and the only one', async () => {
    const typed: Readonly<Record<string, string>> = {
      ' Ann.Lee+news@Example.ORG\t': 'Ann.Lee+news@example.org',
      "o'brien@example.org": "o'brien@example.org",
      'b@bücher.example': 'b@xn--bcher-kva.example',
      'B@BÜCHER.example': 'B@xn--bcher-kva.example',
      'a@xn--bcher-kva.example': 'a@xn--bcher-kva.example',
      '=?utf-8?q?x?=@example.org': '=?utf-8?q?x?=@example.org',
    };
    const before = (await inspection.challenges()).length;
    for (const [address, stored] of Object.entries(typed)) {
      sink.clear();
      expect((await ask(newBrowser(harness), harness.rp(), address)).status, address).to.equal(200);
      await harness.server.jobs.runDue();
      // The command as it was sent: the sink's parser turns A-labels back into letters.
      const recipients = sink.commands.filter((line) => /^RCPT/i.test(line));
      expect(recipients, address).to.deep.equal([`RCPT TO:<${stored}>`]);
      expect(
        (await inspection.challenges()).some(({ data }) => data.address === stored),
        address,
      ).to.equal(true);
      expect(sink.mails[0]?.raw.match(/^(to|cc|bcc):/gim)).to.deep.equal(['To:']);
    }
    expect((await inspection.challenges()).length - before).to.equal(Object.keys(typed).length);
  });
});
