/** What the scripts of the pages do, against a stand-in for the server: only steps are removed, never a secret moved about. */
import { expect } from 'chai';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import type { Page } from '../../src/core/page.ts';
import { newContext } from '../support/chromium.ts';
import { checkMail, linkHere, proved, SAMPLES } from '../support/page-samples.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';

const SECRET = 'A1b2-_'.repeat(7).slice(0, 42).concat('Z');
const PENDING = { state: 'pending', mail: 'queued', resendIn: 0, codeEntry: 'open' };

describe('page scripts', function () {
  this.timeout(30_000);
  let server: PageServer;
  let context: BrowserContext;

  beforeEach(async () => {
    server = await startPageServer();
    server.status = PENDING;
    context = await newContext();
  });
  afterEach(async () => {
    await context.close();
    await server.close();
  });

  async function open(name: string, page: Page, fragment = ''): Promise<Tab> {
    const tab = await context.newPage();
    await tab.goto(server.show(name, page) + fragment, { waitUntil: 'commit' });
    return tab;
  }

  async function posted(count = 1): Promise<PageServer['posts']> {
    await until(() => server.posts.length >= count);
    return server.posts;
  }

  describe('the link in the browser that asked', () => {
    for (const [what, fragment] of [
      ['as it is', `#${SECRET}`],
      ['with a full stop', `#${SECRET}.`],
      ['in angle brackets', `#${SECRET}%3E`],
      ['in parentheses', `#${SECRET})`],
      ['percent-encoded twice', `#${SECRET.replace('-', '%252D')}`],
    ] as const) {
      it(`ML-13 ML-01 posts the secret ${what} and takes it out of the address bar`, async () => {
        const tab = await open('link', linkHere, fragment);
        const [post] = await posted();
        expect(post?.path).to.equal('/redeem');
        expect(post?.body.get('secret')).to.equal(SECRET);
        expect(post?.body.get('csrf')).to.equal('csrf-of-this-form');
        await until(() => tab.url() === `${server.origin}/page/link`);
        expect(server.paths.join()).not.to.contain(SECRET);
      });
    }

    it('asks for the code when the fragment was cut off, and sends nothing', async () => {
      const tab = await open('link', linkHere);
      await tab.getByText('A part of the link was lost').waitFor();
      expect(
        await tab
          .locator('input[name="code"]')
          .evaluate((field) => field === field.ownerDocument.activeElement),
      ).to.equal(true);
      expect(server.posts).to.deep.equal([]);
    });

    it('sends the form at once when the secret waits in a cookie', async () => {
      await open('link', { ...linkHere, hasSecret: true });
      expect((await posted())[0]?.body.get('secret')).to.equal('');
    });

    it('works without script: by code', async () => {
      const plain = await newContext({ javaScriptEnabled: false });
      const tab = await plain.newPage();
      await tab.goto(server.show('link', linkHere));
      await tab.getByText('Type the code instead').click();
      await tab.getByLabel('8-digit code').fill('1234 5678');
      await tab.getByRole('button', { name: 'Sign in' }).click({ noWaitAfter: true });
      expect((await posted())[0]?.body.get('code')).to.equal('1234 5678');
      await plain.close();
    });
  });

  it('ML-04 ML-11 the link anywhere else loses its fragment and sends nothing', async () => {
    for (const name of ['link-elsewhere', 'link-gone-expired', 'error', 'finished']) {
      const tab = await open(name, SAMPLES[name] ?? linkHere, `#${SECRET}`);
      await until(() => tab.url() === `${server.origin}/page/${name}`);
    }
    expect(server.posts).to.deep.equal([]);
  });

  describe('the waiting page', () => {
    it('sends a pasted code once, shown in two groups', async () => {
      const tab = await open('wait', checkMail);
      const field = tab.getByLabel('8-digit code');
      await tab.waitForLoadState();
      await tab.evaluate(`{
        const clipboardData = new DataTransfer();
        clipboardData.setData('text', 'Code: 1234-5678');
        const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
        document.querySelector('input[name="code"]').dispatchEvent(paste);
      }`);
      expect((await posted())[0]?.body.get('code')).to.equal('1234 5678');
      await field.fill('8765 4321');
      await tab.waitForTimeout(100);
      expect(server.posts).to.have.length(1);
    });

    it('ML-23 does not send by itself after a wrong code', async () => {
      const tab = await open('wait', { ...checkMail, status: 400, error: 'wrong_code', triesLeft: 4 });
      await tab.getByLabel('8-digit code').pressSequentially('12345678');
      expect(await tab.getByLabel('8-digit code').inputValue()).to.equal('1234 5678');
      expect(server.posts).to.deep.equal([]);
      await tab.getByRole('button', { name: 'Sign in' }).click({ noWaitAfter: true });
      expect((await posted())[0]?.body.get('code')).to.equal('1234 5678');
    });

    it('tells the truth about the mail as it changes', async () => {
      const tab = await open('wait', { ...checkMail, mail: 'queued' });
      await tab.getByText('Your mail is on its way.').waitFor();
      server.status = { ...PENDING, mail: 'refused' };
      await nudge(tab);
      await tab.getByText('did not take our mail').waitFor();
    });

    it('counts down to sending again, and sends nothing until then', async () => {
      const tab = await open('wait', checkMail);
      server.status = { ...PENDING, resendIn: 20 };
      const button = tab.locator('[data-resend]');
      await until(async () => /Send again in 0:\d\d/.test((await button.textContent()) ?? ''));
      await button.click({ force: true });
      expect(server.posts).to.deep.equal([]);
      server.status = PENDING;
      await nudge(tab);
      await until(async () => (await button.textContent()) === 'Send again');
      await button.click({ noWaitAfter: true });
      expect((await posted())[0]?.path).to.equal('/stay');
    });

    for (const [state, heading] of [
      ['used', 'You are signed in'],
      ['closed', 'You are signed in'],
      ['expired', 'This mail has expired'],
      ['gone', 'This sign-in has ended'],
    ] as const) {
      it(`shows in place that it ended: ${state}`, async () => {
        const tab = await open('wait', checkMail);
        await tab.waitForLoadState();
        server.status = { ...PENDING, state };
        await nudge(tab);
        await tab.getByRole('heading', { name: heading }).waitFor();
        expect(await tab.getByLabel('8-digit code').isVisible()).to.equal(false);
        expect(await tab.getByRole('button', { name: 'Send again' }).isVisible()).to.equal(
          state === 'expired',
        );
      });
    }

    it('goes on when the poll says proved and no other tab did', async () => {
      const tab = await open('wait', { ...checkMail, finishIn: 'waiting' });
      await tab.waitForLoadState();
      server.status = { ...PENDING, state: 'proved' };
      await nudge(tab);
      await tab.waitForURL('**/resume');
    });
  });

  describe('two tabs', () => {
    it('auto: the waiting tab goes on, the link tab says so', async () => {
      const waiting = await open('wait', checkMail);
      await waiting.waitForLoadState();
      const link = await open('proved', proved);
      await waiting.waitForURL('**/resume');
      await link.getByText('Go back to the tab where you began').waitFor();
      expect(link.url()).to.contain('/page/proved');
    });

    it('auto: nobody waits, so the link tab goes on', async () => {
      const link = await open('proved', proved);
      await link.waitForURL('**/resume');
    });

    it('waiting: the link tab never goes on by itself', async () => {
      const waiting = await open('wait', { ...checkMail, finishIn: 'waiting' });
      await waiting.waitForLoadState();
      const link = await open('proved', { ...proved, finishIn: 'waiting' });
      await waiting.waitForURL('**/resume');
      await link.getByText('You can close this tab.').waitFor();
      expect(link.url()).to.contain('/page/proved');
    });

    it('waiting: not even when nobody answers', async () => {
      await context.clock.install();
      const link = await open('proved', { ...proved, finishIn: 'waiting' });
      await link.waitForLoadState();
      await link.clock.runFor(10_000);
      // A whole round trip later a navigation would have been seen.
      await open('later', SAMPLES.reported ?? proved);
      expect(server.paths).not.to.contain('/resume');
    });

    it('link: the waiting tab claims nothing', async () => {
      const waiting = await open('wait', { ...checkMail, finishIn: 'link' });
      await waiting.waitForLoadState();
      const link = await open('proved', proved);
      await link.waitForURL('**/resume');
      expect(waiting.url()).to.contain('/page/wait');
    });

    it('link: the link tab goes on, the waiting tab says so and stays', async () => {
      const waiting = await open('wait', { ...checkMail, finishIn: 'link' });
      await waiting.waitForLoadState();
      const link = await open('proved', { ...proved, finishIn: 'link' });
      await link.waitForURL('**/resume');
      server.status = { ...PENDING, state: 'proved' };
      await nudge(waiting);
      await waiting.getByRole('heading', { name: 'You are signed in' }).waitFor();
      expect(waiting.url()).to.contain('/page/wait');
    });
  });

  it('OA-14 form_post sends itself, even when a field is called submit', async () => {
    await open('post', SAMPLES['form-post'] ?? linkHere);
    expect((await posted())[0]?.body.get('code')).to.equal('abc');
  });

  it('goes on by script, and without script by refresh', async () => {
    const page: Page = { view: 'go-on', status: 200, url: '/resume', clientName: 'Acme Shop' };
    const tab = await open('on', page);
    await tab.waitForURL('**/resume');
    const plain = await newContext({ javaScriptEnabled: false });
    const plainTab = await plain.newPage();
    await plainTab.goto(server.show('on', page), { waitUntil: 'commit' });
    await plainTab.waitForURL('**/resume');
    await plain.close();
  });
});

/** The page asks the moment the person comes back to it. */
const nudge = (tab: Tab): Promise<void> => tab.evaluate('dispatchEvent(new Event("focus"))');

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it never came true');
}
