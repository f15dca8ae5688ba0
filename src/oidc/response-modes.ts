/** A code in a fragment would stay in the address bar; `query` is used up at once, `form_post` never shows it (OA-14). */
export const RESPONSE_MODES = ['query', 'form_post'] as const;
