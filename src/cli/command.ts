/** One command of `postern`: a file of its own, listed in `postern.ts`. */

export interface Surface {
  readonly env: NodeJS.ProcessEnv;
  /** Directory that relative paths start from. */
  readonly cwd: string;
  /** Writes to the standard output, with a line end. */
  print(line: string): void;
  /** Writes to the standard error, with a line end. */
  complain(line: string): void;
  /** All of the standard input, as it is; unseen where it is typed. */
  input?(prompt: string): Promise<string>;
  /** Replaces the last progress line where somebody looks on; nothing in a log. */
  progress?(line: string): void;
}

/** `later` is EX_TEMPFAIL of sysexits.h: a mail server that pipes into a command tries again. */
export const EXIT = { ok: 0, failed: 1, usage: 2, later: 75 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Command {
  /** Words as typed, such as `config check`. */
  readonly name: string;
  readonly summary: string;
  /** What has to follow the name, such as `file`, in this order; the last ones may be left out when they end with `?`. */
  readonly operands?: readonly string[];
  /** Flags without a value, each with its meaning. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Options with a value, each with its meaning. */
  readonly options?: Readonly<Record<string, string>>;
  run(
    flags: Readonly<Record<string, boolean>>,
    surface: Surface,
    operands: readonly string[],
    /** Of the options that were given. */
    values: Readonly<Record<string, string>>,
  ): Promise<ExitCode>;
}
