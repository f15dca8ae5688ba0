/** The part of a pino logger that the domain uses. Fields carry ids, never an address, a link, a code or a token (ML-02). */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => undefined;

/** Swallows everything: for tools and tests that have nobody to tell. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * What may be logged of something thrown: name, code and the places it passed, without its message. Messages of mail
 * and database libraries quote addresses and values (ML-02). Not named `code`: that is what logs cut out.
 */
export function faultOf(thrown: unknown): { name: string; errorCode?: string; at: readonly string[] } {
  if (!(thrown instanceof Error)) return { name: typeof thrown, at: [] };
  const errorCode = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const at = (thrown.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 6)
    .map((line) => line.trim());
  return { name: thrown.name, ...(errorCode === undefined ? {} : { errorCode }), at };
}
