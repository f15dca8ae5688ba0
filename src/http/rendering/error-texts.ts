/** What the error page says for each code. A code of ours without a text does not compile. */
import type { ErrorCode } from '../../core/errors.ts';
import type { TextKey } from '../locales.ts';

/** Codes of RFC 6749 §4.1.2.1 and OIDC Core §3.1.2.6 that a person can meet, and the engine's own for a lost interaction. */
export type ProtocolErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_redirect_uri'
  | 'unauthorized_client'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'login_required'
  | 'session_not_found';

export interface ErrorText {
  readonly heading: TextKey;
  readonly text: TextKey;
}

const ERROR_TEXTS: Readonly<Record<ErrorCode | ProtocolErrorCode, ErrorText>> = {
  bad_request: { heading: 'error.heading_request', text: 'error.bad_request' },
  bad_email: { heading: 'error.heading_request', text: 'error.bad_email' },
  csrf: { heading: 'error.heading_request', text: 'error.csrf' },
  not_found: { heading: 'error.heading_not_found', text: 'error.not_found' },
  method_not_allowed: { heading: 'error.heading_request', text: 'error.method_not_allowed' },
  misdirected: { heading: 'error.heading_not_found', text: 'error.misdirected' },
  too_large: { heading: 'error.heading_request', text: 'error.too_large' },
  too_many_requests: { heading: 'error.heading_wait', text: 'error.too_many_requests' },
  interaction_missing: { heading: 'error.heading_ended', text: 'error.interaction_missing' },
  access_denied: { heading: 'error.heading_not_allowed', text: 'error.access_denied' },
  unavailable: { heading: 'error.heading_wait', text: 'error.unavailable' },
  internal: { heading: 'error.heading', text: 'error.internal' },
  invalid_request: { heading: 'error.heading_request', text: 'error.invalid_request' },
  invalid_client: { heading: 'error.heading_request', text: 'error.invalid_client' },
  invalid_redirect_uri: { heading: 'error.heading_request', text: 'error.invalid_redirect_uri' },
  unauthorized_client: { heading: 'error.heading_request', text: 'error.unauthorized_client' },
  unsupported_response_type: { heading: 'error.heading_request', text: 'error.unsupported_response_type' },
  invalid_scope: { heading: 'error.heading_request', text: 'error.invalid_scope' },
  server_error: { heading: 'error.heading', text: 'error.internal' },
  temporarily_unavailable: { heading: 'error.heading_wait', text: 'error.unavailable' },
  login_required: { heading: 'error.heading_ended', text: 'error.login_required' },
  session_not_found: { heading: 'error.heading_ended', text: 'error.session_not_found' },
};

const byCode: ReadonlyMap<string, ErrorText> = new Map(Object.entries(ERROR_TEXTS));

/** Text for any code; one that we do not know gets the general text, and is never shown raw. */
export function errorTextOf(code: string): ErrorText {
  return byCode.get(code) ?? { heading: 'error.heading', text: 'error.general' };
}
