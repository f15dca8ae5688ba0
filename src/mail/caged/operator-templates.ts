/**
 * The templates of all apps, as this process uses them: those of the store over those of the folder, looked up again within
 * 2 s, checked before they are used. One that fails gives way to the built-in views, and somebody is told: the mail goes
 * out whatever happens here (ML-74).
 */
import { createHash } from 'node:crypto';
import type { Audit } from '../../audit/audit.ts';
import { type Clock, HOUR, MINUTE } from '../../core/clock.ts';
import type { AppId } from '../../core/ids.ts';
import { bestLanguage, directionOf } from '../../core/languages.ts';
import type { Locale } from '../../core/texts.ts';
import type { Log } from '../../lib/log.ts';
import type { Store } from '../../store/port.ts';
import type { MailDraft } from '../compose.ts';
import type { MailKind } from '../kinds.ts';
import { mailModel } from '../model.ts';
import type { Cage } from './cage.ts';
import { fieldsOf, type TemplateRules } from './check-template.ts';
import { isRefused } from './finding.ts';
import { findingsOf, type OperatorTemplate, type TemplateParts, templateName } from './operator-template.ts';
import { cagedModel, missingIn, renderParts } from './render.ts';
import { TemplateStore } from './template-store.ts';

/** All processes follow a change within 2 s. */
const FOLLOW_MS = 1500;
/** How long this process leaves a template alone that hung or filled its memory. */
const REST_MS = 10 * MINUTE;

export interface AppTemplates extends TemplateRules {
  /** From the folder of the configuration. */
  readonly files: readonly OperatorTemplate[];
}

export interface OperatorTemplatesDeps {
  readonly store: Pick<Store, 'records' | 'counters'>;
  readonly clock: Clock;
  readonly cage: Cage;
  readonly log: Log;
  readonly record: Audit['record'];
  settingsOf(app: AppId): AppTemplates;
}

interface Loaded {
  readonly at: number;
  readonly templates: readonly OperatorTemplate[];
}

export class OperatorTemplates {
  readonly #deps: OperatorTemplatesDeps;
  readonly #stored: TemplateStore;
  readonly #loaded = new Map<AppId, Loaded>();
  /** Why a template is refused, by its hash: it is checked once per process. */
  readonly #verdicts = new Map<string, string | undefined>();
  readonly #resting = new Map<string, number>();

  constructor(deps: OperatorTemplatesDeps) {
    this.#deps = deps;
    this.#stored = new TemplateStore(deps.store);
  }

  /** The parts that an operator's template writes; undefined when there is none, or it failed. */
  async render(kind: MailKind, draft: MailDraft, builtIn: Locale): Promise<TemplateParts | undefined> {
    const { id } = draft.app;
    const template = chosen(await this.#all(id), kind, draft.locales, builtIn);
    if (!template) return undefined;
    const name = templateName(template);
    const refusal = this.#refusal(id, kind, template);
    if (refusal !== undefined) return this.#failed(id, name, refusal);
    const hash = hashOf(template);
    if ((this.#resting.get(hash) ?? 0) > this.#deps.clock.now()) return this.#failed(id, name, 'resting');
    const locale =
      template.lang === undefined
        ? builtIn
        : { ...builtIn, tag: template.lang, dir: directionOf(template.lang) };
    const fields = fieldsOf(kind);
    const model = cagedModel(mailModel(kind.fields, draft.values, draft.app, locale), fields, locale.tag);
    const rendered = await renderParts(template.parts, model, this.#deps.cage);
    if ('fault' in rendered) {
      if (rendered.fault === 'time' || rendered.fault === 'memory') this.#rest(hash);
      return this.#failed(id, name, `${rendered.part}: ${rendered.fault}`);
    }
    const missing = missingIn(rendered.parts, fields, model);
    if (missing) return this.#failed(id, name, `${missing.part}: lacks ${missing.name}`);
    return rendered.parts;
  }

  /** What is in effect: a stored template hides the file of the same name. */
  async #all(app: AppId): Promise<readonly OperatorTemplate[]> {
    const now = this.#deps.clock.now();
    const known = this.#loaded.get(app);
    if (known && now - known.at < FOLLOW_MS && now >= known.at) return known.templates;
    const templates = inEffect(this.#deps.settingsOf(app).files, await this.#stored.list(app, now));
    this.#loaded.set(app, { at: now, templates });
    return templates;
  }

  /** Rules grow with releases: what was saved under the old ones is looked at under ours. */
  #refusal(app: AppId, kind: MailKind, template: OperatorTemplate): string | undefined {
    const key = `${app}:${hashOf(template)}`;
    if (!this.#verdicts.has(key)) {
      const [fault] = findingsOf(kind, template.parts, this.#deps.settingsOf(app)).filter(isRefused);
      if (this.#verdicts.size > 1000) this.#verdicts.clear();
      this.#verdicts.set(key, fault && `${fault.part}:${fault.line}: ${fault.reason}`);
    }
    return this.#verdicts.get(key);
  }

  #rest(hash: string): void {
    if (this.#resting.size > 1000) this.#resting.clear();
    this.#resting.set(hash, this.#deps.clock.now() + REST_MS);
  }

  /** Told once per hour and template, by whichever process is first. */
  async #failed(app: AppId, template: string, reason: string): Promise<undefined> {
    const { store, clock, log, record } = this.#deps;
    const key = `mail_template_failed:${template}`;
    const { count } = await store.counters.hit(app, key, { windowMs: HOUR }, clock.now());
    if (count > 1) return;
    log.warn({ app, template, reason }, 'a mail template failed; the built-in one goes out instead');
    await record(app, { type: 'mail.template_failed', template, reason });
  }
}

export function inEffect<T extends OperatorTemplate>(
  files: readonly OperatorTemplate[],
  stored: readonly T[],
): readonly (OperatorTemplate | T)[] {
  const names = new Set(stored.map(templateName));
  return [...stored, ...files.filter((file) => !names.has(templateName(file)))];
}

/** By the languages that the person reads; the one for all languages where theirs has a built-in text. */
function chosen(
  all: readonly OperatorTemplate[],
  { name }: MailKind,
  wanted: readonly string[],
  builtIn: Locale,
): OperatorTemplate | undefined {
  const ours = all.filter(({ kind }) => kind === name);
  const byTag = new Map(
    ours.flatMap((template) =>
      template.lang === undefined ? [] : [[template.lang.toLowerCase(), { tag: template.lang, template }]],
    ),
  );
  const languages = new Map<string, { readonly tag: string; readonly template?: OperatorTemplate }>([
    [builtIn.tag.toLowerCase(), { tag: builtIn.tag }],
    ...byTag,
  ]);
  const best = bestLanguage(wanted, languages)?.template ?? byTag.get(builtIn.tag.toLowerCase())?.template;
  return best ?? ours.find(({ lang }) => lang === undefined);
}

const hashOf = ({ kind, parts }: OperatorTemplate): string =>
  createHash('sha256')
    .update(JSON.stringify([kind, parts.subject, parts.text, parts.html]))
    .digest('base64url');
