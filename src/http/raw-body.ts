/** Reads a body as it was sent, for what is signed byte by byte. */
import type { IncomingMessage } from 'node:http';
import { PosternError } from '../core/errors.ts';

/** Throws PosternError `bad_request` for one that was compressed on its way, `too_large` beyond `maxBytes`. */
export async function readRaw(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  // What unpacks to a thousand times its size would pass the limit.
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new PosternError('bad_request', { detail: 'encoded body' });
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw new PosternError('too_large');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) throw new PosternError('too_large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
