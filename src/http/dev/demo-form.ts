import type { Context } from 'koa';
import { PosternError } from '../../core/errors.ts';

const MAX_BYTES = 8 * 1024;

/** Reads a URL-encoded body of at most 8 KB; anything larger or of another type is refused before it is read whole. */
export async function readForm(ctx: Context): Promise<URLSearchParams> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new PosternError('bad_request');
  if ((ctx.request.length ?? 0) > MAX_BYTES) throw new PosternError('too_large');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of ctx.req) {
    // Without an encoding set on it, a request yields Buffers.
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > MAX_BYTES) throw new PosternError('too_large');
    chunks.push(bytes);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
