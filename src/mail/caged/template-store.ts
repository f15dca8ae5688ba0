/** Operators' templates that were saved by command: rows of kind `mail_template`, kept until they are removed. */
import type { AppId } from '../../core/ids.ts';
import { type Store, StoreConflict } from '../../store/port.ts';
import type { OperatorTemplate, TemplateParts } from './operator-template.ts';
import { templateName } from './operator-template.ts';

const KIND = 'mail_template';
const LIMIT = 1000;

interface TemplateRow {
  readonly kind: string;
  readonly lang?: string | undefined;
  readonly parts: TemplateParts;
  /** ms */
  readonly savedAt: number;
}

export interface StoredTemplate extends OperatorTemplate {
  readonly savedAt: number;
  /** Changes with every save, so that what was checked once need not be checked again. */
  readonly version: number;
}

type Named = Pick<OperatorTemplate, 'kind' | 'lang'>;

export class TemplateStore {
  readonly #records: Store['records'];

  constructor({ records }: Pick<Store, 'records'>) {
    this.#records = records;
  }

  async list(app: AppId, now: number): Promise<readonly StoredTemplate[]> {
    const rows = await this.#records.list<TemplateRow>(app, KIND, { limit: LIMIT }, now);
    return rows.map(({ data: { kind, lang, parts, savedAt }, version }) => ({
      kind,
      lang,
      parts,
      savedAt,
      version,
      source: 'store',
    }));
  }

  /** Puts these parts in the place of all there were; the caller has checked them. */
  async save(app: AppId, { kind, lang }: Named, parts: TemplateParts, now: number): Promise<void> {
    const id = templateName({ kind, lang });
    const data: TemplateRow = { kind, lang, parts, savedAt: now };
    const known = await this.#records.find<TemplateRow>(app, KIND, id, now);
    try {
      const written = known
        ? await this.#records.replace(app, KIND, { ...known, data }, now)
        : await this.#records.insert(app, KIND, { id, data }, now);
      if (written) return;
    } catch (thrown) {
      if (!(thrown instanceof StoreConflict)) throw thrown;
    }
    // Somebody else saved meanwhile: the later one stands.
    return this.save(app, { kind, lang }, parts, now);
  }

  remove(app: AppId, template: Named): Promise<boolean> {
    return this.#records.remove(app, KIND, templateName(template));
  }
}
