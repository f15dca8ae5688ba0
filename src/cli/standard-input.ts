import type { ReadStream, WriteStream } from 'node:tty';

const ENTER: ReadonlySet<string> = new Set(['\r', '\n', '\u0004']);
const BACKSPACE = '\u007f';
const INTERRUPT = '\u0003';

/** One line where somebody types, without showing it; else everything that is piped in. */
export async function readInput(
  input: ReadStream | NodeJS.ReadStream,
  output: WriteStream | NodeJS.WriteStream,
  prompt: string,
): Promise<string> {
  if (!input.isTTY) {
    const chunks: Buffer[] = [];
    for await (const chunk of input) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }
  output.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  let typed = '';
  try {
    for await (const chunk of input) {
      for (const character of String(chunk)) {
        if (character === INTERRUPT) return '';
        if (ENTER.has(character)) return typed;
        typed = character === BACKSPACE ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write('\n');
  }
}
