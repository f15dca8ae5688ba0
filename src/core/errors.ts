/** The one error class of Postern. Expected outcomes are return values; this is for what ends a request. */

export type ErrorCode =
  | 'bad_request'
  | 'bad_email'
  | 'csrf'
  | 'not_found'
  | 'method_not_allowed'
  | 'misdirected'
  | 'too_large'
  | 'too_many_requests'
  | 'interaction_missing'
  | 'access_denied'
  | 'unavailable'
  | 'internal';

const STATUS: Record<ErrorCode, number> = {
  bad_request: 400,
  bad_email: 400,
  csrf: 403,
  not_found: 404,
  method_not_allowed: 405,
  misdirected: 421,
  too_large: 413,
  too_many_requests: 429,
  interaction_missing: 400,
  access_denied: 403,
  unavailable: 503,
  internal: 500,
};

export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  /** For the log only; never shown. */
  readonly detail: string | undefined;

  constructor(code: ErrorCode, options: { detail?: string; cause?: unknown } = {}) {
    super(options.detail ? `${code}: ${options.detail}` : code, { cause: options.cause });
    this.name = 'PosternError';
    this.code = code;
    this.status = STATUS[code];
    this.detail = options.detail;
  }
}

/** For the default branch of a switch over a union: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
