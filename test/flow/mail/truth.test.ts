/** What the waiting page says of its mail, and what support sees of it. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { parseEmailAddress } from '../../../src/core/email-address.ts';
import { asUserId } from '../../../src/core/ids.ts';
import type { LoggedMail } from '../../../src/mail/mail-log.ts';
import {
  ACCEPTED,
  DOWN,
  type FakeTransport,
  fakeTransport,
  GREYLISTED,
  NO_MAILBOX,
  TOO_BIG,
} from '../../support/fake-transport.ts';
import { APPS, ask, type Harness, mailParts, redeemLink, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { operator } from '../../support/operator.ts';
import { type Answer, type Browser, formsOf, formWith } from '../../support/relying-party.ts';
import { seen } from '../../support/seen.ts';
import { interactionOf, isSignedIn, newBrowser } from '../../support/sign-in.ts';

interface Waiting {
  readonly browser: Browser;
  readonly address: string;
  readonly page: Answer;
}

describe('the truth about a mail', () => {
  const secret = randomBytes(32);
  let first: FakeTransport;
  let second: FakeTransport;
  let harness: Harness;
  let postern: ReturnType<typeof operator>;

  beforeEach(async () => {
    first = fakeTransport('first');
    second = fakeTransport('second');
    harness = await startPostern({ transport: [first, second], secrets: [secret] });
    postern = operator(harness, APPS, secret);
  });
  afterEach(() => harness.close());

  const askFor = async (address = newAddress()): Promise<Waiting> => {
    const browser = newBrowser(harness);
    return { browser, address, page: await ask(browser, harness.rp(), address) };
  };
  const work = async (ms = 0) => {
    harness.clock.move(ms);
    await harness.server.jobs.runDue();
  };
  const statusOf = async ({ browser, page }: Waiting) =>
    JSON.parse((await browser.fetch(`${interactionOf(page)}/status`)).body);
  /** The state on the page, by reload, and its words. */
  const shown = async ({ browser, page }: Waiting) => {
    const { body } = await browser.visit(interactionOf(page));
    return {
      state: /data-mail-state="(\w+)"/.exec(body)?.[1],
      retry: /data-mail-retry="(\d+)"( |[^>]*?) ?(hidden)?>/.exec(body)?.slice(1, 2).at(0),
      text: /<span data-mail-text[^>]*>([^<]*)</.exec(body)?.[1],
    };
  };
  const logged = async ({ address }: Waiting): Promise<LoggedMail> => {
    const app = harness.server.apps.bySlug('shop') ?? expect.fail('no app');
    const [mail] = await harness.server.mails.findByAddress(
      app.id,
      parseEmailAddress(address) ?? expect.fail('no address'),
      1,
    );
    return mail ?? expect.fail('no mail');
  };

  it('ML-54 RL-04 the page comes while every transport hangs, and says that the mail waits', async () => {
    first.always = 'hang';
    second.always = 'hang';
    const waiting = await askFor();
    void harness.server.jobs.runDue();
    while (first.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await askFor();
    expect(again.page.status).to.equal(200);
    expect(await statusOf(waiting)).to.include({ mail: 'queued', state: 'pending' });
    first.release(ACCEPTED);
    second.release(ACCEPTED);
    await work();
    expect(await statusOf(waiting)).to.include({ mail: 'handed_over' });
    expect(await statusOf(again)).to.include({ mail: 'handed_over' });
  });

  it('RL-04 greylisted: whose server asks to wait and when the next try is, then that it is on its way', async () => {
    first.answers = [GREYLISTED];
    const waiting = await askFor();
    await work();
    const status = await statusOf(waiting);
    expect(status).to.include({ mail: 'delayed' });
    expect(status.mailRetryIn).to.be.within(5, 7);
    const page = await shown(waiting);
    expect(page.state).to.equal('delayed');
    expect(page.text).to.match(/mail server has asked us to wait/);
    expect(Number(page.retry)).to.be.within(5, 7);
    await work(7_000);
    expect(await shown(waiting)).to.deep.include({ state: 'handed_over', retry: '0' });
    expect(first.sent.map(({ messageId }) => messageId)).to.have.length(2);
    expect(new Set(first.sent.map(({ messageId }) => messageId)).size).to.equal(1);
    expect(second.sent).to.have.length(0);
  });

  it('RL-04 with no way out the page says that we keep trying; the mail comes when one is back', async () => {
    first.always = DOWN;
    second.always = DOWN;
    const waiting = await askFor();
    await work();
    expect((await shown(waiting)).state).to.equal('retrying');
    second.always = ACCEPTED;
    await work(7_000);
    expect((await shown(waiting)).state).to.equal('handed_over');
    expect((await logged(waiting)).history.map(({ status }) => status)).to.deep.equal([
      'queued',
      'delayed',
      'handed_over',
    ]);
  });

  it('refused by the mailbox, refused as a mail: the one says to check the address, the other does not', async () => {
    first.answers = [NO_MAILBOX];
    const noMailbox = await askFor();
    await work();
    first.answers = [TOO_BIG];
    const noMail = await askFor();
    await work();
    const [bounced, failed] = [await shown(noMailbox), await shown(noMail)];
    expect([bounced.state, failed.state]).to.deep.equal(['refused', 'failed']);
    expect(bounced.text).to.match(/check the address/);
    expect(failed.text).not.to.match(/address/);
    expect(second.sent).to.have.length(0);
  });

  it('what a provider reports later reaches the page: accepted, then bounced; the link goes on working', async () => {
    first.answers = [{ outcome: 'accepted', providerId: 'p-77' }];
    const waiting = await askFor();
    await work();
    const app = harness.server.apps.bySlug('shop') ?? expect.fail('no app');
    const found = await harness.server.mails.findByProviderId(app.id, 'first', 'p-77');
    const note = (status: 'accepted' | 'bounced' | 'delayed') =>
      harness.server.mails.note(app.id, found?.id ?? '', {
        status,
        at: harness.clock.now(),
        transport: 'first',
      });
    await note('delayed');
    expect((await shown(waiting)).state).to.equal('delayed');
    // It is the provider that tries again, not we: no repair takes it for a mail of ours that waits.
    harness.clock.move(20_000);
    await harness.server.tick();
    await work();
    expect(first.sent).to.have.length(1);
    await note('accepted');
    expect(await shown(waiting)).to.include({ state: 'accepted' });
    await note('bounced');
    expect(await shown(waiting)).to.include({ state: 'refused' });
    // Nothing of it makes anybody send again.
    await work(20_000);
    await harness.server.tick();
    await work();
    expect(first.sent).to.have.length(1);
    const [mail] = first.sent;
    if (!mail) return expect.fail('no mail');
    const parts = mailParts({ id: '', capturedAt: 0, mail });
    expect(isSignedIn(await redeemLink(waiting.browser, parts))).to.equal(true);
  });

  it('ML-53 a known, a disabled and an unknown address get the same states, byte for byte', async () => {
    const [known, disabled, unknown] = ['k.own@example.org', 'd.bld@example.org', 'u.own@example.org'];
    for (const address of [known, disabled]) {
      const { browser, page } = await askFor(address);
      await work();
      const mail = first.sent.find(({ to }) => to === address) ?? expect.fail('no mail');
      const { code } = mailParts({ id: '', capturedAt: 0, mail });
      expect(isSignedIn(await browser.submit(formWith(page, 'code'), { code }))).to.equal(true);
    }
    const app = harness.server.apps.bySlug('shop') ?? expect.fail('no app');
    const users = await harness.server.users.list(app, { limit: 10 });
    const user = users.find(({ address }) => address === disabled);
    await harness.server.users.disable(app, asUserId(user?.id ?? ''));
    for (const [answer, state] of [
      [GREYLISTED, 'delayed'],
      [TOO_BIG, 'failed'],
      [ACCEPTED, 'handed_over'],
      [NO_MAILBOX, 'refused'],
      // The refusal has suppressed all three.
      [ACCEPTED, 'suppressed'],
    ] as const) {
      harness.clock.move(700_000);
      const looks: string[] = [];
      for (const address of [known, disabled, unknown]) {
        first.answers = [answer];
        const waiting = await askFor(address);
        await work();
        expect(await statusOf(waiting)).to.include({ mail: state });
        looks.push(seen(await waiting.browser.visit(interactionOf(waiting.page)), address));
      }
      const [one, ...others] = looks.map((look) =>
        look.replaceAll(/mail-retry=\\"\d+|try in \d:\d\d/g, 'RETRY'),
      );
      for (const other of others) expect(other).to.equal(one);
    }
  });

  it('RL-04 nothing is sent after the link has ended, and the log says why', async () => {
    first.always = DOWN;
    second.always = DOWN;
    const waiting = await askFor();
    for (let turn = 0; turn < 12; turn += 1) await work(60_000);
    const attempts = first.sent.length;
    first.always = ACCEPTED;
    await work(60_000);
    expect(first.sent).to.have.length(attempts);
    const mail = await logged(waiting);
    expect(mail.status).to.equal('expired');
    expect(mail.history.find(({ status }) => status === 'delayed')?.reason).to.equal('ECONNREFUSED');
    const { out } = await postern('mail dead');
    expect(out.join('\n')).to.include(mail.id).and.to.include('shop');
  });

  it('support finds a mail by its address, sees its history, and nothing that signs in or names', async () => {
    first.answers = [GREYLISTED];
    const waiting = await askFor();
    await askFor();
    await work();
    await work(7_000);
    const list = await postern(`mail list shop --address ${waiting.address}`);
    expect(list.out).to.have.length(1);
    const { id } = await logged(waiting);
    expect(list.out[0]).to.include(id).and.to.include('handed_over by first');
    const show = await postern(`mail show shop ${id}`);
    expect(show.out.join('\n')).to.match(
      /queued[\s\S]*delayed by first \(451 4\.7\.1 RCPT TO\) next try[\s\S]*handed_over/,
    );
    const json = await postern(`mail list shop --json --status handed_over`);
    expect(json.out.map((line) => JSON.parse(line).status)).to.deep.equal(['handed_over', 'handed_over']);
    const [mail] = first.sent;
    const parts = mail && mailParts({ id: '', capturedAt: 0, mail });
    const all = [...list.out, ...show.out, ...json.out, await harness.dump()].join('\n');
    for (const hidden of [parts?.secret, parts?.code]) expect(all).not.to.include(hidden);
    expect([...list.out, ...show.out, ...json.out].join('\n')).not.to.include(waiting.address);
    expect((await postern('mail list shop --status lost')).code).to.equal(EXIT.usage);
    expect((await postern('mail list shop --address nobody')).code).to.equal(EXIT.usage);
    expect((await postern(`mail show shop ${'0'.repeat(32)}`)).code).to.equal(EXIT.failed);
    expect((await postern('mail list')).err.join()).to.include('--app');
  });

  it('an operator sends a failed mail once more while its link lives; the page follows', async () => {
    first.answers = [TOO_BIG];
    const waiting = await askFor();
    await work();
    expect((await shown(waiting)).state).to.equal('failed');
    const { id } = await logged(waiting);
    const again = await postern(`mail retry shop ${id}`);
    expect([again.code, again.out]).to.deep.equal([EXIT.ok, ['shop: queued again']]);
    await work();
    expect((await shown(waiting)).state).to.equal('handed_over');
    expect(new Set(first.sent.map(({ messageId }) => messageId)).size).to.equal(1);
    expect((await postern(`mail retry shop ${id}`)).err.join()).to.include('nothing to send again');
    first.answers = [TOO_BIG];
    const other = await askFor();
    await work();
    const older = await logged(other);
    harness.clock.move(31_000);
    const form =
      formsOf(other.page).find(({ action }) => action.endsWith('/resend')) ?? expect.fail('no form');
    await other.browser.submit(form, {}, { from: other.page.url });
    const late = await postern(`mail retry shop ${older.id}`);
    expect([late.code, late.err.join()]).to.deep.equal([
      EXIT.failed,
      'shop: a newer mail with the same link was asked for',
    ]);
  });
});
