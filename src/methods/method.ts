/**
 * What a login method is. A method gets a typed request and answers a tagged union; it never sees the HTTP context, never
 * finds or makes a user, never sets a cookie and never calls the engine. Its one caller (`http/sign-in`) checks whether the
 * method is on in the app, reach, CSRF and form, runs the step and turns the answer into a response.
 */
import type { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import type { Credentials } from '../accounts/credentials.ts';
import type { Proof } from '../accounts/proof.ts';
import type { App } from '../apps/apps.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditSubject } from '../audit/events.ts';
import type { MailboxPurpose } from '../challenges/challenge.ts';
import type { Challenges, Proven, Spent, Typist, WaitingClaim } from '../challenges/challenges.ts';
import type { Clock } from '../core/clock.ts';
import type { EmailAddress } from '../core/email-address.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import type { FormContext, OtherWay, Page, SignInEntry, SignInError, WayOn } from '../core/page.ts';
import type { Limits } from '../limits/limits.ts';
import type { OpenInteraction } from '../oidc/engine.ts';
import type { GuardedFetch } from '../outbound/guarded-fetch.ts';
import type { OneTime } from '../store/port.ts';

export type { OpenInteraction };

/** What is known of the browser; ids and hashes, no cookie values. */
export interface BrowserFacts extends Typist {
  /** Id of the browser by its asking cookie; set for every step that `asks`. */
  readonly asking: string | undefined;
  /** Its device can make a passkey, as its own script has told; decides no more than what is offered. */
  readonly canMakePasskeys: boolean;
  /** How somebody signed in here last; of the browser, not of any account. */
  readonly last: { readonly method: string; readonly via: string | undefined } | undefined;
  readonly device: string;
  /** Languages the person reads, best first. */
  readonly locales: readonly string[];
}

/** The client that waits for the sign-in, as a person should see it. */
export interface ClientFacts {
  readonly name: string;
  readonly finishIn: 'auto' | 'waiting' | 'link';
  /** Where an authorization can be started: registered by the client (`initiate_login_uri`, `client_uri`). */
  readonly start: WayOn | undefined;
  /** The same, or else the origin that its answers go to: never a dead end. */
  readonly home: WayOn | undefined;
}

interface CommonRequest {
  readonly app: App;
  readonly browser: BrowserFacts;
  /** Fields of the form, each given once. */
  readonly body: Readonly<Record<string, string>>;
  /** Last path segment of the step's route, if any. */
  readonly target: string | undefined;
  clientFacts(clientId: string): ClientFacts;
}

export interface SignedInPerson {
  readonly userId: UserId;
  readonly address: string;
  /** When it was proved who it is, ms. */
  readonly provedAt: number;
}

/** Inside an interaction: the browser holds its cookie. */
export interface InteractionRequest extends CommonRequest {
  readonly interaction: OpenInteraction;
  /** Who signed in for this interaction in this very browser; set for steps that need it. */
  readonly signedIn: UserId | undefined;
  /** The same person as `signedIn`, with what can be shown. */
  readonly person: SignedInPerson | undefined;
  /** For audit events: what the error page and the log line of this request show too. */
  readonly trace: Pick<AuditSubject, 'reference' | 'ip'>;
  /** Address and CSRF token of the form that leads to a step of the same interaction. */
  form(step: string): FormContext;
  /** Other methods of the app that go on from an address, for the page of `method`. */
  otherWays(method: string): readonly OtherWay[];
}

/** Anywhere: whoever opened a link from a mail. */
export interface LinkRequest extends CommonRequest {
  readonly linkId: string;
  /** The link secret came by path and waits in a cookie. */
  readonly hasSecret: boolean;
  /** Random, in a cookie of this browser alone; set for every POST. */
  readonly browserSecret: string | undefined;
  form(step: string): FormContext;
  /** A form of an interaction that this browser is known to have begun. */
  interactionForm(uid: string, step: string): FormContext;
}

/**
 * Another provider sent the browser back to `{issuer}/callback/{target}`. Nothing is known of an interaction but what the
 * method stored under its own `state`; a POST comes from another site, hence without cookies, and is checked by nothing:
 * it may do no more than a GET.
 */
export interface CallbackRequest extends CommonRequest {
  readonly verb: 'GET' | 'POST';
  readonly target: string;
  /** Each given once; of a POST, the form's fields stand in `body`. */
  readonly query: Readonly<Record<string, string>>;
  interactionForm(uid: string, step: string): FormContext;
}

export interface MailboxAsked {
  readonly purpose: MailboxPurpose;
  readonly address: EmailAddress;
  readonly waiting?: WaitingClaim | undefined;
}

export type StepAnswer =
  /** `locales`: languages that come before what the browser says, best first. */
  | { readonly answer: 'page'; readonly page: Page; readonly locales?: readonly string[] }
  /** The mailbox has to be proved first; what comes then is decided by the purpose. Only for steps that `asks`. */
  | ({ readonly answer: 'prove_mailbox' } & MailboxAsked)
  /** It was proved in this browser for something that goes on: its method shows how (`mailboxProved`). */
  | { readonly answer: 'mailbox_proved'; readonly proven: Proven }
  /** The sign-in page with all its methods, and a note at the field. */
  | { readonly answer: 'start'; readonly email?: string; readonly error?: SignInError }
  /** For scripts of the waiting page. */
  | { readonly answer: 'status'; readonly status: object }
  /** To another provider; `name` is shown while the browser goes on. */
  | { readonly answer: 'redirect'; readonly url: string; readonly name: string }
  /**
   * Something was proved. `spend` is called by the caller after it has compared the browser's session (design §2):
   * `won` for exactly one, `again` for a repeat by the same browser, `lost` when it is of no use any more. `carried` is what has to be sent again if the person is asked in between.
   */
  | {
      readonly answer: 'proved';
      readonly proof: Proof;
      readonly inTab: 'waiting' | 'link';
      readonly carried: readonly { readonly name: string; readonly value: string }[];
      spend(): Promise<Spent>;
    }
  /** A credential was added for the user who signed in, or the offer was declined: the sign-in goes on. */
  | { readonly answer: 'enrolled' }
  /** The mailbox is proved in a browser that did not ask: it may go on at the client with a pass. */
  | { readonly answer: 'passed'; readonly pass: string; readonly clientId: string }
  | { readonly answer: 'refused'; readonly error: ErrorCode };

export interface Step<Request> {
  readonly verb: 'GET' | 'POST';
  /** The caller makes the browser known (asking cookie) before this step runs. */
  readonly asks?: boolean;
  /** Behind the sign-in: runs only in the browser that proved this interaction, and gets `signedIn`. */
  readonly isAfterSignIn?: boolean;
  run(request: Request): Promise<StepAnswer>;
}

export interface Method {
  readonly name: string;
  /** Where the person stands with this method in this interaction, after a reload or "back"; undefined when nowhere. */
  standing?(request: InteractionRequest): Promise<Page | undefined>;
  /**
   * Goes on from an address. A method with this is one of the choices behind the email field, for every address alike: what
   * the account holds must not show (ML-53).
   */
  identified?(request: InteractionRequest, address: EmailAddress): Promise<StepAnswer>;
  /** Key of the text of the button that leads here from another choice; with `identified`. */
  readonly wayText?: string;
  /** What follows a mailbox that was proved for one of these purposes. */
  readonly mailboxProved?: Partial<
    Readonly<Record<MailboxPurpose, (request: InteractionRequest, proven: Proven) => Promise<StepAnswer>>>
  >;
  /** Parts of the sign-in page besides the email field, such as buttons. */
  entries?(request: InteractionRequest): Promise<readonly SignInEntry[]>;
  /** Before the first visitor: what is slow to load, and what should be measured. Gives warnings for the log. */
  warmUp?(apps: readonly App[]): Promise<readonly string[]>;
  /** Whether something is to be offered between this sign-in and the client, such as a passkey. */
  offers?(request: InteractionRequest & { readonly signedIn: UserId }, proof: Proof): Promise<boolean>;
  /**
   * The page of it. It stands in an interaction of its own behind the sign-in, in whichever tab goes on to the client; the steps
   * of its forms are `isAfterSignIn`, and `skip` declines.
   */
  offer?(request: InteractionRequest & { readonly signedIn: UserId }): Promise<Page>;
  /** By the path segment under `/interaction/{uid}/`. Names are shared by all methods: prefix them with the method's. */
  readonly steps: Readonly<Record<string, Step<InteractionRequest>>>;
  /** By last path segment under `/link/{id}/`; `open` is the landing page itself. */
  readonly linkSteps?: Readonly<Record<string, Step<LinkRequest>>>;
  /** Answers `/callback/{target}` with a page or a redirect; undefined when this target is none of its own. */
  callback?(request: CallbackRequest): Promise<StepAnswer | undefined>;
}

/** One entry of the list in `index.ts`. */
export interface MethodDefinition<Name extends string = string, Settings extends z.ZodType = z.ZodType> {
  /** Key under `methods` of an app; the method is off, and all its routes are 404, where that is missing. */
  readonly name: Name;
  readonly settings: Settings;
  /** Folder of its views, with a slash behind, when that is not `views/methods/`. */
  readonly views?: string;
  create(services: MethodServices): Method;
}

/** What methods get of the house. */
export interface MethodServices {
  readonly challenges: Challenges;
  readonly credentials: Credentials;
  /** Finds the password of an address without telling whose it is. */
  readonly accounts: Pick<Accounts, 'credentialOf' | 'isKnownBrowser'>;
  readonly limits: Limits;
  readonly keyring: Keyring;
  readonly oneTime: OneTime;
  readonly audit: Pick<Audit, 'record' | 'promise' | 'keep'>;
  readonly clock: Clock;
  /** For calls to other servers, with the check of their addresses (OA-41). */
  readonly fetch: GuardedFetch;
}
