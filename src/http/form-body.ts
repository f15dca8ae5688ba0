/** Reads a form as a browser sends it: small, urlencoded, every field once (OA-17, RL-16, ML-69). */
import type { IncomingMessage } from 'node:http';
import { PosternError } from '../core/errors.ts';

const MAX_BYTES = 16 * 1024;
const MAX_FIELDS = 20;

/** Throws PosternError `bad_request` or `too_large`. */
export async function readForm(req: IncomingMessage): Promise<Readonly<Record<string, string>>> {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded')
    throw new PosternError('bad_request', { detail: 'not a form' });
  if (req.headers['content-encoding']) throw new PosternError('bad_request', { detail: 'encoded body' });
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(await readText(req))) {
    count += 1;
    if (count > MAX_FIELDS || Object.hasOwn(fields, name)) {
      throw new PosternError('bad_request', { detail: 'doubled or too many fields' });
    }
    fields[name] = value;
  }
  return fields;
}

async function readText(req: IncomingMessage): Promise<string> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) throw new PosternError('too_large');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BYTES) throw new PosternError('too_large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
