/**
 * A sign-in, the code exchange and a refresh by a person and a client who do not give up: they press what the page
 * offers and ask again when they are told to. Whatever goes wrong in between, it has to end well.
 */
import { expect } from 'chai';
import { CALLBACK, type Harness } from './harness.ts';
import { newAddress } from './logins.ts';
import {
  type Answer,
  Browser,
  formsOf,
  formWith,
  pageOf,
  type RelyingParty,
  type TokenAnswer,
} from './relying-party.ts';
import { formTo } from './sign-in.ts';

/** Of one step, before the journey counts as stuck. */
const TRIES = 5;

const isCallback = (answer: Answer): boolean => answer.next?.startsWith(CALLBACK) ?? false;

export class PersistentJourney {
  readonly #harness: Harness;
  readonly #rp: RelyingParty;
  readonly #browser: Browser;
  readonly address = newAddress();
  #signIns = 0;
  /** Answers that told somebody to come again. */
  refusals = 0;

  constructor(harness: Harness, rp: RelyingParty) {
    this.#harness = harness;
    this.#rp = rp;
    this.#browser = new Browser({ now: harness.clock.now });
  }

  /** Throws where it does not end well. */
  async complete(): Promise<void> {
    let tokens = await this.#repeat(async () => this.#rp.redeem(await this.#authorize()));
    for (let uses = 0; uses < 2; uses += 1) {
      const refreshToken = String(tokens.json.refresh_token);
      tokens = await this.#repeat(() =>
        this.#rp.tokenRequest({ grant_type: 'refresh_token', refresh_token: refreshToken }),
      );
      expect(tokens.status, JSON.stringify(tokens.json)).to.equal(200);
    }
    this.#expectNoDoubledMail();
  }

  /**
   * A mail may be handed over twice when its receipt is lost, but it is then the same one (Message-ID). Another one comes
   * only with another sign-in: where the last answer of the first was lost, it had ended for the browser and begins anew.
   */
  #expectNoDoubledMail(): void {
    const mails = this.#harness.mails().filter(({ mail }) => mail.to === this.address);
    const links = new Set(mails.map(({ mail }) => /\/link\/[\w-]+#[\w-]+/.exec(mail.text)?.[0]));
    expect(links.size, 'links by mail').to.be.within(1, this.#signIns);
    expect(this.#signIns, 'sign-ins that it took').to.be.at.most(2);
  }

  async #authorize(): Promise<string> {
    let answer = await this.#persist(await this.#visitClient());
    for (let rounds = 0; !isCallback(answer) && rounds < TRIES; rounds += 1) {
      const asksForAddress = formsOf(answer).some(({ fields }) =>
        fields.some(({ name }) => name === 'email'),
      );
      answer = asksForAddress ? await this.#signIn(answer) : await this.#persist(await this.#visitClient());
    }
    expect(isCallback(answer), pageOf(answer).text).to.equal(true);
    return answer.next ?? '';
  }

  async #signIn(page: Answer): Promise<Answer> {
    this.#signIns += 1;
    const asked = await this.#browser.submit(formWith(page, 'email'), { email: this.address });
    const waiting = await this.#persist(asked);
    const code = await this.#mailedCode(waiting);
    return this.#persist(await this.#browser.submit(formWith(waiting, 'code'), { code }));
  }

  /** A limit may have been counted for a mail that was not made: then the page counts down until it may be asked for. */
  async #mailedCode(waiting: Answer): Promise<string> {
    const { server, clock } = this.#harness;
    for (let tries = 0; tries < TRIES; tries += 1) {
      await server.jobs.runDue().catch(() => undefined);
      if (this.#harness.mails().some(({ mail }) => mail.to === this.address)) break;
      clock.move(31_000);
      await server.tick().catch(() => undefined);
      if (tries > 0) await this.#persist(await this.#browser.submit(formTo(waiting, 'resend')));
    }
    return (await this.#harness.mailTo(this.address)).code;
  }

  async #visitClient(): Promise<Answer> {
    return this.#browser.visit(await this.#rp.authorizationUrl());
  }

  /** What a person does: presses what the page offers, until there is an answer. */
  async #persist(first: Answer): Promise<Answer> {
    let answer = first;
    for (let tries = 0; answer.status === 503 && tries < TRIES; tries += 1) {
      this.refusals += 1;
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      const [form] = formsOf(answer);
      const [again] = pageOf(answer).links.filter(({ text }) => text === 'Try again');
      if (!form && !again) throw new Error(`a dead end: ${pageOf(answer).text}`);
      answer = form
        ? await this.#browser.submit(form)
        : await this.#browser.visit(again?.url ?? '', { from: answer.url, until: this.#rp.isCallback });
    }
    expect(answer.status, `${answer.url}: ${pageOf(answer).text}`).to.be.below(500);
    return answer;
  }

  /**
   * What a client does. A code may have been spent by the request that was not answered (RFC 6749 §4.1.2): the session
   * stands, so the next round gets another one without asking anybody.
   */
  async #repeat(call: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    let answer = await call();
    for (let tries = 0; answer.status !== 200 && tries < TRIES; tries += 1) {
      if (answer.status === 503) {
        this.refusals += 1;
        expect(answer.headers['retry-after']).to.match(/^\d+$/);
        expect(answer.json.error).to.equal('temporarily_unavailable');
      } else {
        expect(answer.status, JSON.stringify(answer.json)).to.equal(400);
      }
      answer = await call();
    }
    expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
    return answer;
  }
}
