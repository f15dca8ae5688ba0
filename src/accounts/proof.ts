/**
 * What a method established: which factors, and whose. A method names a mailbox, a credential or a subject of another
 * provider; which user that is, is decided by `accounts` alone.
 */
import type { Factor } from '../core/assurance.ts';
import type { EmailAddress } from '../core/email-address.ts';
import type { JsonObject } from '../store/port.ts';

export interface Proof {
  /** Name of the method, for the audit log. */
  readonly method: string;
  /** Which of several ways of this method, such as the provider: this browser is offered it first the next time. */
  readonly via?: string | undefined;
  readonly factors: readonly [Factor, ...Factor[]];
  readonly who: Who;
  /** Proved before the mailbox was, in the same browser and interaction: belongs to the mailbox's owner from now on. */
  readonly claimed?: Who | undefined;
  /** Made for whoever this is, by the same act: the password that was chosen behind the mailbox's proof. */
  readonly enrols?: Enrolment | undefined;
}

/** A proof that tells no mailbox yet, kept while one is proved. */
export type Claim = Pick<Proof, 'method' | 'via' | 'factors' | 'who'>;

/** A credential of which everybody has one: it takes the place of an older one. */
export interface Enrolment {
  readonly kind: 'password';
  readonly label: string;
  readonly material: JsonObject;
  /** The one act of proof behind it: a repeat after a lost answer is the same act. */
  readonly act: string;
}

export type Who =
  | { readonly by: 'mailbox'; readonly address: EmailAddress }
  /** Id of a credential row whose secret or key was verified. */
  | { readonly by: 'credential'; readonly credentialId: string }
  | ({ readonly by: 'upstream' } & UpstreamSubject);

/** A person as another provider knows them: keyed by provider, issuer and subject, never by address (AC-06). */
export interface UpstreamSubject {
  /** Id of the provider in the app's configuration. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  /** As it should be shown: the provider's name. */
  readonly providerName: string;
  readonly address?: EmailAddress | undefined;
  /**
   * True only when the operator marked this provider as authoritative for addresses and the same signed token said
   * `email_verified: true` (AC-05).
   */
  readonly isAddressTrusted: boolean;
  /** Name, picture and the like, kept with the link. */
  readonly claims: JsonObject;
}
