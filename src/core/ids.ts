/** Branded identifiers, so that one kind is never passed where another is meant. */

type Brand<Name extends string> = string & { readonly __brand: Name };

/** Random id of an app, assigned once in the store; part of every key, cookie name and derivation. */
export type AppId = Brand<'AppId'>;
export type UserId = Brand<'UserId'>;
export type ChallengeId = Brand<'ChallengeId'>;

/** Ids leave the store and the URL as plain strings; these are the only places that name them. */
export const asAppId = (value: string): AppId => value as AppId;
export const asUserId = (value: string): UserId => value as UserId;
export const asChallengeId = (value: string): ChallengeId => value as ChallengeId;

/** 128 random bits in base64url: the form of every id that Postern makes. */
const ID_FORM = /^[A-Za-z0-9_-]{22}$/;
export const isIdForm = (value: unknown): value is string => typeof value === 'string' && ID_FORM.test(value);
