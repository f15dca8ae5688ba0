/**
 * Every page that Postern can show, as data. A handler returns one of these; `render.ts` turns it into HTML with the
 * view of the same name (`views/<name>.hbs`). No text stands here: views take it by key from `views/locales`.
 */
import type { AppLanguages } from './catalogue.ts';

/** What a link or button of ours points to; always on our own origin unless it says `external`. */
export interface WayOn {
  /** URL of the client (registered: initiate_login_uri, client_uri or the resumed authorization). */
  readonly url: string;
  /** Name shown on it. */
  readonly clientName: string;
}

/** Hidden fields that every form of a page carries. */
export interface FormContext {
  readonly action: string;
  readonly csrf: string;
}

/**
 * How a request that could not be answered is made again. `reload`: by its own address. `url`: by another one, because its
 * own serves once. A form: what was sent, to be sent again. `back`: only by the person.
 */
export type Retry = 'reload' | 'back' | { readonly url: string } | FormAgain;

/** A form of ours as the browser sent it, CSRF token included. */
export interface FormAgain {
  readonly action: string;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

/** A part of the sign-in page that belongs to one method, below the email field. */
export interface SignInEntry {
  /** `views/methods/<partial>.hbs`, drawn with `model`; every field of it is given, null when absent. */
  readonly partial: string;
  readonly model: Readonly<Record<string, unknown>>;
  /** Files of `views/public` that it needs. */
  readonly scripts?: readonly string[];
  /** The email field offers passkeys too (`autocomplete="username webauthn"`). */
  readonly hasPasskeyAutofill?: boolean;
}

/** What stands at the email field after something was refused. */
export type SignInError =
  | 'bad_email'
  | 'expired_form'
  | 'method_failed'
  | 'came_back'
  | 'passkey_refused'
  | 'passkey_suspended';

/** "Use … instead" on a page behind the email field; the same for every address. */
export interface OtherWay {
  /** Key of the text on it. */
  readonly text: string;
  readonly form: FormContext;
}

/** Symbol above the heading: a file `views/partials/icon-<mark>.hbs`. */
export type Mark = 'mail' | 'done' | 'device' | 'clock' | 'warning' | 'wait' | 'key';

/** Texts and values that a page of a method reads; every field is given, null when absent (views are strict). */
export type PageModel = Readonly<Record<string, unknown>>;

/**
 * What is known of a mail. `retrying`: we could not hand it over yet. `handed_over`: a relay or provider took it; `accepted`:
 * the recipient's own server did. `delayed`: that server asked for time. `refused`: it sent the mail back. `failed`: it was
 * never taken, and is not tried any more. `held`: not sent, by our own limits.
 */
export type MailState =
  | 'queued'
  | 'retrying'
  | 'handed_over'
  | 'accepted'
  | 'delayed'
  | 'refused'
  | 'suppressed'
  | 'failed'
  | 'held';

/** Of a person's device as its User-Agent tells, in words ("Firefox on Linux"); never trusted, always escaped. */
export interface Asked {
  readonly appName: string;
  readonly device: string;
  /** ms since the epoch; shown as `<time>` in UTC and made local by script. */
  readonly at: number;
}

export type Page =
  /** First page: the email field. `error` is shown at the field after a refused address. */
  | {
      readonly view: 'sign-in';
      readonly status: 200 | 400 | 429;
      readonly form: FormContext;
      readonly clientName: string;
      readonly email: string;
      readonly error?: SignInError;
      readonly cancelUrl: FormContext;
      /** A mail with a link follows the address; otherwise something else does. */
      readonly isByMail: boolean;
      /** The email field is shown: some method of this app goes on from an address. */
      readonly hasEmail: boolean;
      readonly entries: readonly SignInEntry[];
    }
  /** A page of a login method: `views/methods/<page>.hbs` with `model`. Always holds a form. */
  | {
      readonly view: 'method';
      readonly page: string;
      readonly status: 200 | 400 | 403 | 404 | 409 | 410 | 422 | 429 | 503;
      /** Key of the text of its heading. */
      readonly heading: string;
      readonly mark?: Mark;
      /** Key of the text above the form, about the whole page. */
      readonly notice?: string;
      readonly model: PageModel;
      readonly scripts?: readonly string[];
    }
  /** "Check your mail": code field, resend, change of address, truth about the mail. Polls `statusUrl` by script. */
  | {
      readonly view: 'check-mail';
      readonly status: 200 | 400 | 429;
      readonly email: string;
      readonly redeem: FormContext;
      readonly resend: FormContext;
      readonly change: FormContext;
      readonly statusUrl: string;
      /** Where the waiting tab goes when the link tab has proved the mailbox; our own origin. */
      readonly resumeUrl: string;
      /** BroadcastChannel name that link tab and waiting tab of one interaction share. */
      readonly channel: string;
      readonly finishIn: 'auto' | 'waiting' | 'link';
      readonly mail: MailState;
      /** Whole seconds until the mail is tried again; 0 = now, or never. */
      readonly mailRetryIn: number;
      /** Whole seconds until resend is allowed, 0 = now. */
      readonly resendIn: number;
      /** Whole seconds until link and code expire. */
      readonly expiresIn: number;
      readonly codeEntry: 'open' | 'closed' | 'off';
      readonly error?: 'wrong_code' | 'code_closed' | 'expired' | 'resend_too_soon' | 'expired_form';
      readonly triesLeft?: number;
      /** Where to start afresh when the code is closed. */
      readonly restart?: WayOn;
      readonly otherWays: readonly OtherWay[];
      /** Link and code sign in; otherwise something else goes on behind them. */
      readonly isSignIn: boolean;
    }
  /** The link, opened in the browser that asked: script moves the fragment into the form and sends it. */
  | {
      readonly view: 'link-here';
      readonly status: 200;
      readonly redeem: FormContext;
      readonly email: string;
      readonly isSignIn: boolean;
      readonly codeEntry: 'open' | 'closed' | 'off';
      /** The secret came by path and waits in a cookie: no fragment is needed. */
      readonly hasSecret: boolean;
    }
  /** The link, opened anywhere else. Nothing is spent by anything here except by the typed code. */
  | {
      readonly view: 'link-elsewhere';
      readonly status: 200 | 400 | 429;
      readonly asked: Asked;
      readonly report: FormContext;
      /** Only when the client has somewhere to continue and code entry is on. */
      readonly continueHere?: FormContext & { readonly clientName: string };
      readonly codeEntry: 'open' | 'closed' | 'off';
      readonly error?: 'wrong_code' | 'code_closed' | 'expired_form';
    }
  | {
      readonly view: 'link-gone';
      readonly status: 200 | 404 | 410;
      readonly reason: 'expired' | 'used' | 'unknown';
      readonly again?: FormContext;
      readonly wayOn?: WayOn;
    }
  /** Link tab after the mailbox is proved: asks over `channel` whether the waiting tab lives, else goes on itself. */
  | {
      readonly view: 'proved';
      readonly status: 200;
      readonly resumeUrl: string;
      readonly channel: string;
      readonly finishIn: 'auto' | 'waiting' | 'link';
      readonly clientName: string;
    }
  /** Goes on to `url` by script, by <meta refresh> without it, and by a visible link. */
  | { readonly view: 'go-on'; readonly status: 200; readonly url: string; readonly clientName: string }
  /** "Continue as a…@x.org": one POST. */
  | {
      readonly view: 'continue-as';
      readonly status: 200;
      readonly form: FormContext;
      readonly other: FormContext;
      readonly maskedEmail: string;
      readonly clientName: string;
    }
  /** The client asks which account to use; one is signed in here. */
  | {
      readonly view: 'choose-account';
      readonly status: 200;
      readonly keep: FormContext;
      readonly another: FormContext;
      readonly cancel: FormContext;
      readonly email: string;
      readonly clientName: string;
    }
  /** The browser is signed in as somebody else than the mailbox that was just proved or is about to be. */
  | {
      readonly view: 'switch-user';
      readonly status: 200;
      readonly currentEmail: string;
      readonly newEmail: string;
      /** POST with the carried link secret or code: sign the present user out and go on. */
      readonly accept: FormContext;
      readonly carried: readonly { readonly name: string; readonly value: string }[];
      readonly decline: FormContext;
    }
  | {
      readonly view: 'consent';
      readonly status: 200;
      readonly accept: FormContext;
      readonly decline: FormContext;
      readonly clientName: string;
      /** Host of the redirect URI: what can be verified of a client (OA-49). */
      readonly clientHost: string;
      readonly email: string;
      /** `text` is the operator's own sentence, for the scopes of resources. */
      readonly scopes: readonly {
        readonly name: string;
        readonly text?: string | undefined;
        readonly isNew?: boolean;
      }[];
      /** Something was allowed before, at the same host: what is new is marked. */
      readonly isMore: boolean;
    }
  | {
      readonly view: 'logout';
      readonly status: 200;
      readonly action: string;
      readonly xsrf: string;
      readonly email: string;
      /** Where "no" leads; it changes nothing, hence is a link. */
      readonly stay: string;
      readonly clientName?: string;
    }
  | { readonly view: 'logged-out'; readonly status: 200; readonly wayOn?: WayOn }
  /** Asked whether to sign out, the person said no. */
  | { readonly view: 'still-signed-in'; readonly status: 200; readonly wayOn?: WayOn }
  /** response_mode=form_post: sends itself by script, by button without. */
  | {
      readonly view: 'form-post';
      readonly status: 200 | 400 | 500;
      readonly action: string;
      readonly fields: readonly { readonly name: string; readonly value: string }[];
      readonly clientName: string;
    }
  | { readonly view: 'reported'; readonly status: 200 }
  /** Finished in the other tab: nothing more to do here. */
  | {
      readonly view: 'finished';
      readonly status: 200 | 409;
      readonly clientName?: string;
      readonly wayOn?: WayOn;
    }
  /** The mailbox is proved, but this account may not sign in: sign-up closed or account blocked. */
  | {
      readonly view: 'refused';
      readonly status: 403;
      readonly reason: 'sign_up_closed' | 'blocked';
      readonly email: string;
      readonly cancel?: FormContext;
    }
  /** The store is away or the house is full. Nothing is lost: the page itself sends again what could not be answered. */
  | {
      readonly view: 'unavailable';
      readonly status: 503;
      readonly retry: Retry;
      readonly reference: string;
      readonly wayOn?: WayOn;
    }
  | {
      readonly view: 'error';
      readonly status: number;
      /** Key of the text: an ErrorCode of ours or an OAuth error code; unknown ones get the general text. */
      readonly code: string;
      /** Same id as in the log. */
      readonly reference: string;
      readonly wayOn?: WayOn;
    };

export type ViewName = Page['view'];

/** What the layout needs around every page. */
export interface PageContext {
  /** Undefined on pages that belong to no app. */
  readonly app?: {
    readonly name: string;
    readonly accent: string;
    readonly logo?: string;
    readonly support?: string;
  };
  /** Languages the person reads, best first. */
  readonly locales: readonly string[];
  /** What the app has settled: which languages it speaks, and what it says in its own words. */
  readonly languages?: AppLanguages;
  /** CSP nonce of this response. */
  readonly nonce: string;
  /** Also offer the generated languages `qps-ploc` and `qps-plocm`: tests and development only. */
  readonly pseudoLocales?: boolean;
}
