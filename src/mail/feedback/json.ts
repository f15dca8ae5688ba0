/** Bodies of webhooks: whatever they hold, only what is asked for is looked at. */
import type { z } from 'zod';

/** Undefined for what is no JSON in UTF-8 or has not this shape. Deep nesting costs nothing: the parser does not recurse. */
export function readJson<Shape extends z.ZodType>(
  body: Buffer | string,
  shape: Shape,
): z.output<Shape> | undefined {
  try {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
