/**
 * Sign-in by password. The page behind the email field is the same for every address, and so are answer and work for an
 * address that nobody has, a user without a password and a wrong one (ML-53, ML-54). A password is chosen, at first and
 * anew, behind a mail that proves the mailbox: `reset_password`.
 *
 * Steps: `password-check`, `password-mail` (asks for that mail), `password-choose`.
 */
import type { Credential } from '../../accounts/credentials.ts';
import type { App } from '../../apps/apps.ts';
import type { Proven } from '../../challenges/challenges.ts';
import type { Factor } from '../../core/assurance.ts';
import { monotonic } from '../../core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../core/email-address.ts';
import { mailboxHash } from '../../core/mailbox-hash.ts';
import { randomToken } from '../../core/random.ts';
import type { Claim } from '../../limits/limits.ts';
import type { InteractionRequest, Method, MethodDefinition, MethodServices, StepAnswer } from '../method.ts';
import { type Cost, hashArgon2id, isAsStrong } from './hashes/argon2.ts';
import { isMatch, readStoredHash } from './hashes/stored-hash.ts';
import { HashingPool } from './hashing.ts';
import { choosePage, enterPage } from './pages.ts';
import { openPass, sealPass } from './pass.ts';
import { faultOf, passwordBytes } from './policy.ts';
import { type PasswordSettings, passwordSettings } from './settings.ts';

export const password = {
  name: 'password',
  settings: passwordSettings,
  create: (services) => new PasswordMethod(services),
} as const satisfies MethodDefinition;

const PURPOSE = 'reset_password';
/** NIST leaves the cost to what a verifier can bear; a second is what people bear. */
const SLOW_HASH_MS = 1000;

class PasswordMethod implements Method {
  readonly name = 'password';
  readonly wayText = 'way.password';
  readonly #services: MethodServices;
  readonly #pool = new HashingPool();
  /** By cost: what is compared where there is nothing to compare. */
  readonly #dummies = new Map<string, Promise<string>>();

  constructor(services: MethodServices) {
    this.#services = services;
  }

  readonly steps = {
    'password-check': {
      verb: 'POST',
      asks: true,
      run: (request: InteractionRequest) => this.#check(request),
    },
    'password-mail': { verb: 'POST', asks: true, run: (request: InteractionRequest) => askForMail(request) },
    'password-choose': { verb: 'POST', run: (request: InteractionRequest) => this.#choose(request) },
  } as const;

  readonly mailboxProved = {
    [PURPOSE]: async (request: InteractionRequest, proven: Proven): Promise<StepAnswer> => ({
      answer: 'page',
      page: choosePage(request, proven.address, settingsOf(request.app).min_length),
    }),
  };

  async identified(request: InteractionRequest, { address }: EmailAddress): Promise<StepAnswer> {
    return { answer: 'page', page: enterPage(request, address) };
  }

  /** Between the proof of the mailbox and the new password. */
  async standing(request: InteractionRequest) {
    const proven = await this.#proven(request);
    return proven && choosePage(request, proven.address, settingsOf(request.app).min_length);
  }

  /** The dummies of all costs in use; tells what a hash takes on this machine where that is too much. */
  async warmUp(apps: readonly App[]): Promise<readonly string[]> {
    const using = apps.filter(({ settings }) => settings.methods.password !== undefined);
    const warnings: string[] = [];
    for (const app of using) {
      const startedAt = monotonic();
      await this.#dummy(costOf(app));
      const ms = Math.round(monotonic() - startedAt);
      if (ms > SLOW_HASH_MS)
        warnings.push(
          `a password of ${app.slug} takes ${ms} ms to hash on this machine: lower hash_memory or hash_passes`,
        );
    }
    return warnings;
  }

  async #check(request: InteractionRequest): Promise<StepAnswer> {
    const { app, body } = request;
    const address = parseEmailAddress(body.email);
    if (!address) return { answer: 'start', email: body.email ?? '', error: 'bad_email' };
    // Checked before; sent again after a question that the person was asked.
    const pass = openPass(request, 'check', this.#services);
    if (pass) return this.#proved(request, pass.value, pass.at);
    // Before the hash is read: a password that is replaced meanwhile was proved too early (AC-14).
    const at = this.#services.clock.now();
    const typed = passwordBytes(body.password);
    const claims = await this.#claims(request, address);
    const verdict = await this.#services.limits.take(app.id, claims);
    if (!verdict.allowed) {
      await this.#record(request, address, 'password.closed');
      return { answer: 'page', page: enterPage(request, address.address, 'closed') };
    }
    const credential = await this.#services.accounts.credentialOf(app.id, address, 'password');
    const answer = await this.#pool.run(app.id, () => this.#verify(app, credential, typed));
    if (answer !== false) await this.#services.limits.giveBack(app.id, claims);
    if (answer === 'busy') return { answer: 'page', page: enterPage(request, address.address, 'busy') };
    if (!credential || !answer) {
      await this.#record(request, address, 'password.wrong');
      return { answer: 'page', page: enterPage(request, address.address, 'wrong') };
    }
    await this.#used(request, credential, typed);
    return this.#proved(request, credential.id, at);
  }

  /** As much work where there is nothing to compare with. */
  async #verify(app: App, credential: Credential | undefined, typed: Buffer | undefined): Promise<boolean> {
    const stored = String(credential?.material.hash ?? '');
    const verifier = readStoredHash(stored) ?? readStoredHash(await this.#dummy(costOf(app)));
    if (!verifier) throw new Error('our own hash cannot be read');
    const matches = await isMatch(verifier, typed ?? Buffer.alloc(1));
    return matches && typed !== undefined && credential !== undefined && stored !== '';
  }

  /** A hash of another kind or of less cost is replaced now that the password is known; a lost race is somebody else's. */
  async #used(request: InteractionRequest, credential: Credential, typed: Buffer | undefined): Promise<void> {
    const { credentials, audit, clock } = this.#services;
    const { app } = request;
    const stored = String(credential.material.hash);
    const cost = costOf(app);
    const now = clock.now();
    const isWeak = typed !== undefined && !isAsStrong(stored, cost);
    const hash = isWeak ? await this.#pool.run(app.id, () => hashArgon2id(typed, cost)) : 'busy';
    const material = hash === 'busy' ? credential.material : { ...credential.material, hash };
    const written = await credentials.replace(app.id, credential, { material, lastUsedAt: now });
    if (written && hash !== 'busy')
      await audit.record(app.id, {
        type: 'password.rehashed',
        from: readStoredHash(stored)?.kind ?? 'unknown',
        userId: credential.owner,
      });
  }

  #proved(request: InteractionRequest, credentialId: string, at: number): StepAnswer {
    return {
      answer: 'proved',
      proof: {
        method: this.name,
        factors: [{ kind: 'password', at }],
        who: { by: 'credential', credentialId },
      },
      inTab: 'waiting',
      carried: [
        { name: 'email', value: request.body.email ?? '' },
        { name: 'pass', value: sealPass(request, 'check', credentialId, at, this.#services) },
      ],
      spend: async () => ({ outcome: 'won', act: randomToken(), at }),
    };
  }

  /** AC-13: only in the browser and request in which link or code of this very purpose were right. */
  async #choose(request: InteractionRequest): Promise<StepAnswer> {
    const proven = await this.#proven(request);
    if (!proven) return { answer: 'refused', error: 'access_denied' };
    const { app, body } = request;
    const { min_length: minLength } = settingsOf(app);
    const pass = openPass(request, `choose:${proven.challengeId}`, this.#services);
    const shown = (fault: Parameters<typeof choosePage>[3]): StepAnswer => ({
      answer: 'page',
      page: choosePage(request, proven.address, minLength, fault),
    });
    if (pass) return this.#chosen(request, proven, pass.value);
    const typed = body.password ?? '';
    const words = wordsOf(app, proven.address);
    const fault = await faultOf(typed, { minLength, words });
    if (fault) return shown(fault);
    const bytes = passwordBytes(typed);
    if (!bytes) return shown('too_long');
    const hash = await this.#pool.run(app.id, () => hashArgon2id(bytes, costOf(app)));
    return hash === 'busy' ? shown('busy') : this.#chosen(request, proven, hash);
  }

  #chosen(request: InteractionRequest, proven: Proven, hash: string): StepAnswer {
    const address = parseEmailAddress(proven.address);
    if (!address) throw new Error('a stored address does not parse');
    const mailbox: Factor = { kind: 'mailbox', at: proven.at };
    const chosen: Factor = { kind: 'password', at: this.#services.clock.now() };
    const { at } = proven;
    const pass = sealPass(request, `choose:${proven.challengeId}`, hash, at, this.#services);
    return {
      answer: 'proved',
      proof: {
        method: this.name,
        factors: [mailbox, chosen],
        who: { by: 'mailbox', address },
        enrols: { kind: 'password', label: '', material: { hash }, act: proven.challengeId },
      },
      inTab: 'waiting',
      carried: [{ name: 'pass', value: pass }],
      // The mailbox was spent when it was proved; its browser may repeat what follows until the request is over.
      spend: async () => ({ outcome: 'again', act: proven.challengeId, at: proven.at }),
    };
  }

  #proven({ app, interaction, browser }: InteractionRequest): Promise<Proven | undefined> {
    return this.#services.challenges.proven(app, interaction.uid, browser.asking, PURPOSE);
  }

  /** A browser that the mailbox knows has a budget of its own: nobody locks the owner out (AC-17, ML-25). */
  async #claims({ app, browser }: InteractionRequest, address: EmailAddress): Promise<readonly Claim[]> {
    const { accounts, keyring } = this.#services;
    const mailbox = mailboxHash(keyring, address);
    const known = browser.knownBrowser;
    if (known !== undefined && (await accounts.isKnownBrowser(app.id, address.key, known)))
      return [{ rule: 'password_known', subject: `${known}:${mailbox}` }];
    const network = browser.network;
    const oldest = keyring.versions.at(-1);
    return [
      { rule: 'password_mailbox', subject: mailbox },
      ...(network === undefined
        ? []
        : [
            {
              rule: 'password_network',
              subject: keyring.mac('*', 'network', [network], oldest).toString('base64url'),
            } as const,
          ]),
    ];
  }

  #dummy(cost: Cost): Promise<string> {
    const name = `${cost.memory}:${cost.passes}`;
    const known = this.#dummies.get(name) ?? hashArgon2id(Buffer.from(randomToken()), cost);
    this.#dummies.set(name, known);
    return known;
  }

  async #record(
    { app, interaction }: InteractionRequest,
    address: EmailAddress,
    type: 'password.wrong' | 'password.closed',
  ): Promise<void> {
    const mailbox = mailboxHash(this.#services.keyring, address);
    const claim: Claim = { rule: 'noted', subject: `${mailbox}:${type}` };
    // A few are written down: more would only fill the log.
    if ((await this.#services.limits.take(app.id, [claim])).allowed)
      await this.#services.audit.record(app.id, { type, mailbox, clientId: interaction.clientId });
  }
}

/** The same mail for every address; what the account allows is told behind it. */
async function askForMail({ body }: InteractionRequest): Promise<StepAnswer> {
  const address = parseEmailAddress(body.email);
  return address
    ? { answer: 'prove_mailbox', purpose: PURPOSE, address }
    : { answer: 'start', email: body.email ?? '', error: 'bad_email' };
}

function settingsOf({ slug, settings }: App): PasswordSettings {
  const { password: own } = settings.methods;
  if (!own) throw new Error(`app ${slug} has no passwords`);
  return own;
}

function costOf(app: App): Cost {
  const { hash_memory: mebibytes, hash_passes: passes } = settingsOf(app);
  return { memory: mebibytes * 1024, passes };
}

const wordsOf = ({ settings }: App, address: string): readonly string[] => [
  settings.name,
  ...settings.name.split(/\s+/),
  ...address.split(/[^\p{L}\p{N}]+/u),
];
