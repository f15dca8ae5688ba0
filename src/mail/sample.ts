/** A mail of a kind with made-up values, for previews and test mails: its link is dead and its code belongs to nothing. */
import type { App } from '../apps/apps.ts';
import { MINUTE } from '../core/clock.ts';
import { mailAppOf } from './challenge-mail.ts';
import type { MailDraft } from './compose.ts';
import type { MailKind, MailValues } from './kinds.ts';

export interface SampleOptions {
  readonly to: string;
  readonly locales: readonly string[];
  readonly messageId: string;
  /** ms */
  readonly now: number;
  /** Fields that the mail shall do without, as far as it can. */
  readonly without?: readonly string[];
}

export function sampleDraft(kind: MailKind, app: App, options: SampleOptions): MailDraft {
  const { to, locales, messageId, now, without = [] } = options;
  const values = Object.entries(kind.fields).map(([name, { type, sample, isOptional }]) => {
    if (isOptional && without.includes(name)) return [name, undefined];
    if (type === 'link') return [name, deadLink(app)];
    if (type === 'moment') return [name, now];
    return [name, type === 'time' ? now + 10 * MINUTE : sample];
  });
  return {
    app: mailAppOf(app),
    to,
    locales: [...locales, app.settings.locale],
    messageId,
    date: new Date(now),
    // Made from the fields of this very kind, which `fromEntries` forgets.
    values: Object.fromEntries(values) as MailValues<MailKind>,
  };
}

/** As long as a live one. The landing page says that there is no such link. */
const deadLink = ({ issuer }: App): string =>
  `${issuer}/link/${'sample'.padEnd(22, '0')}#${'sample'.padEnd(43, '0')}`;
