/** What an error of the driver or the server means to the caller. Codes: error_codes.yml of the server. */
import { MongoDriverError, MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb';
import { StoreConflict, StoreUnavailable } from '../port.ts';

/** This database must not be touched by this version of the code, or cannot be; the message says what to do. */
export class StoreRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StoreRefused';
  }
}

const DUPLICATE_KEY = 11000;

/**
 * The world's, not ours; asking again may help: no primary, stepping down, shutting down, too slow, overloaded, not
 * acknowledged by a majority, disk full.
 */
const UNAVAILABLE = new Set([
  6, 7, 50, 64, 89, 91, 100, 112, 133, 134, 189, 202, 262, 317, 384, 462, 9001, 10107, 11600, 11601, 11602,
  13435, 13436, 14031,
]);
/** Errors of the driver that tell of a wrong call; all its others tell of the connection. */
const OURS = /^Mongo(InvalidArgument|Parse|API|MissingCredentials|MissingDependency|Compatibility)Error$/;

export const isDuplicate = (thrown: unknown): boolean =>
  thrown instanceof MongoServerError && thrown.code === DUPLICATE_KEY;

/** The connection broke, so nobody knows whether the server did it. */
export const isConnectionLoss = (thrown: unknown): boolean => thrown instanceof MongoNetworkError;

/** As the port promises it. Messages of the server quote keys and documents, so none is handed on (ML-02). */
export function errorOf(thrown: unknown): Error {
  if (thrown instanceof StoreRefused || thrown instanceof StoreConflict || thrown instanceof StoreUnavailable)
    return thrown;
  if (isDuplicate(thrown)) return new StoreConflict();
  const what = new Error(namesOf(thrown));
  if (isUnavailable(thrown)) return new StoreUnavailable(what);
  // RangeError and TypeError of our own, and values that BSON cannot hold.
  if (thrown instanceof Error && !(thrown instanceof MongoServerError) && !isDriverError(thrown))
    return thrown;
  return new Error(`the store cannot do this: ${what.message}`);
}

/** Name and code, such as `MongoServerError NotWritablePrimary (10107)`. */
export function namesOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  if (!(thrown instanceof MongoServerError)) return thrown.name;
  return `${thrown.name} ${thrown.codeName ?? ''} (${thrown.code ?? 'no code'})`;
}

function isUnavailable(thrown: unknown): boolean {
  if (thrown instanceof MongoWriteConcernError) return true;
  if (thrown instanceof MongoServerError) {
    return (
      UNAVAILABLE.has(Number(thrown.code)) ||
      thrown.hasErrorLabel('RetryableWriteError') ||
      thrown.hasErrorLabel('TransientTransactionError')
    );
  }
  return isDriverError(thrown) && !OURS.test(thrown.name);
}

const isDriverError = (thrown: unknown): thrown is Error =>
  thrown instanceof MongoNetworkError ||
  thrown instanceof MongoDriverError ||
  (thrown instanceof Error && /^Mongo\w+Error$/.test(thrown.name));
