/**
 * The thread in which operators' templates run: an own heap with a limit, no environment, and nothing to reach but the
 * values that came with the job. It is ended from outside when it takes too long.
 */
import { parentPort } from 'node:worker_threads';
import handlebars from 'handlebars';

export interface CageJob {
  readonly id: number;
  readonly source: string;
  readonly isPlain: boolean;
  readonly model: Readonly<Record<string, string>>;
  /** Characters that may come out. */
  readonly max: number;
}

export interface CageAnswer {
  readonly id: number;
  readonly text?: string;
  readonly fault?: 'size' | 'template';
}

const MAX_KEPT = 200;
const compiled = new Map<string, handlebars.TemplateDelegate>();

const engine = handlebars.create();
for (const name of Object.keys(engine.helpers)) {
  if (name !== 'if' && name !== 'unless') engine.unregisterHelper(name);
}

function templateOf({ source, isPlain }: CageJob): handlebars.TemplateDelegate {
  // A tree instead of a text would be run as it is (CVE-2026-33937).
  if (typeof source !== 'string') throw new TypeError('a template is text');
  const key = `${isPlain ? 't' : 'h'}${source}`;
  const known = compiled.get(key);
  if (known) return known;
  const made = engine.compile(source, {
    strict: true,
    noEscape: isPlain,
    knownHelpersOnly: true,
    // What is known otherwise is known by default, and would be called.
    knownHelpers: { if: true, unless: true, each: false, with: false, log: false, lookup: false },
  });
  compiled.set(key, made);
  const [oldest] = compiled.keys();
  if (compiled.size > MAX_KEPT && oldest !== undefined) compiled.delete(oldest);
  return made;
}

function answer(job: CageJob): CageAnswer {
  try {
    const model = Object.freeze(Object.assign(Object.create(null), job.model));
    const text = templateOf(job)(model, {
      allowProtoMethodsByDefault: false,
      allowProtoPropertiesByDefault: false,
    });
    return text.length > job.max ? { id: job.id, fault: 'size' } : { id: job.id, text };
  } catch {
    return { id: job.id, fault: 'template' };
  }
}

parentPort?.on('message', (job: CageJob) => parentPort?.postMessage(answer(job)));
parentPort?.postMessage({ id: 0 } satisfies CageAnswer);
