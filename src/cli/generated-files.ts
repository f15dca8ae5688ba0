/** Files that are made from the source and kept in the repository. A new one is one more line here. */
import { auditReference } from '../audit/reference.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { configurationReference } from '../config/reference.ts';
import { limitsReference } from '../limits/reference.ts';
import { mailsReference } from '../mail/reference.ts';
import { metricsReference } from '../metrics/reference.ts';

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly make: () => string;
}

export const GENERATED_FILES: readonly GeneratedFile[] = [
  { path: 'config/schema.json', make: () => `${JSON.stringify(configJsonSchema(), undefined, 2)}\n` },
  { path: 'docs/reference/configuration.md', make: configurationReference },
  { path: 'docs/reference/limits.md', make: limitsReference },
  { path: 'docs/reference/metrics.md', make: metricsReference },
  { path: 'docs/reference/mails.md', make: mailsReference },
  { path: 'docs/reference/audit-events.md', make: auditReference },
];
