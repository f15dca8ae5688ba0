/**
 * What a login method is. A method gets a typed request and answers a tagged union; it never sees the HTTP context, never
 * finds or makes a user, never sets a cookie and never calls the engine. Its one caller (`http/sign-in`) checks reach,
 * CSRF and form, runs the step and turns the answer into a response.
 */
import type { Proof } from '../accounts/accounts.ts';
import type { App } from '../apps/apps.ts';
import type { Challenges, Spent, Typist } from '../challenges/challenges.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { FormContext, Page, WayOn } from '../core/page.ts';
import type { OpenInteraction } from '../oidc/engine.ts';

export type { OpenInteraction };

/** What is known of the browser; ids and hashes, no cookie values. */
export interface BrowserFacts extends Typist {
  /** Id of the browser by its asking cookie; set for every step that `asks`. */
  readonly asking: string | undefined;
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

/** Inside an interaction: the browser holds its cookie. */
export interface InteractionRequest extends CommonRequest {
  readonly interaction: OpenInteraction;
  /** Address and CSRF token of the form that leads to a step of the same interaction. */
  form(step: string): FormContext;
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

export type StepAnswer =
  | { readonly answer: 'page'; readonly page: Page }
  /** For scripts of the waiting page. */
  | { readonly answer: 'status'; readonly status: object }
  /**
   * The mailbox is proved. `spend` is called by the caller after it has compared the browser's session (design §2):
   * `won` for exactly one, `again` for a repeat by the same browser, `lost` when it is of no use any more. `carried` is what has to be sent again if the person is asked in between.
   */
  | {
      readonly answer: 'proved';
      readonly proof: Proof;
      readonly inTab: 'waiting' | 'link';
      readonly carried: readonly { readonly name: string; readonly value: string }[];
      spend(): Promise<Spent>;
    }
  /** The mailbox is proved in a browser that did not ask: it may go on at the client with a pass. */
  | { readonly answer: 'passed'; readonly pass: string; readonly clientId: string }
  | { readonly answer: 'refused'; readonly error: ErrorCode };

export interface Step<Request> {
  readonly verb: 'GET' | 'POST';
  /** The caller makes the browser known (asking cookie) before this step runs. */
  readonly asks?: boolean;
  run(request: Request): Promise<StepAnswer>;
}

export interface Method {
  readonly name: string;
  /** First page of the method in an interaction, or the page where it stands. */
  start(request: InteractionRequest): Promise<Page>;
  /** By last path segment under `/interaction/{uid}/`. */
  readonly steps: Readonly<Record<string, Step<InteractionRequest>>>;
  /** By last path segment under `/link/{id}/`; `open` is the landing page itself. */
  readonly linkSteps: Readonly<Record<string, Step<LinkRequest>>>;
}

export interface MethodServices {
  readonly challenges: Challenges;
  readonly clock: Clock;
}
