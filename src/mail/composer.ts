/** Makes the mail that goes out: the built-in one, with the parts that the operator's template writes in the place of ours. */
import { oneLine } from '../lib/hostile-text.ts';
import type { OperatorTemplates } from './caged/operator-templates.ts';
import { composeMail, type MailDraft } from './compose.ts';
import type { MailKind } from './kinds.ts';
import { mailLocale } from './texts.ts';
import type { OutgoingMail } from './transport.ts';

const MAX_SUBJECT = 150;

export type ComposeMail = <Kind extends MailKind>(
  kind: Kind,
  draft: MailDraft<Kind>,
) => Promise<OutgoingMail>;

/** Throws a RangeError for a link or code that must not be mailed: a fault of ours or of the configuration. */
export const composerOf =
  (templates: Pick<OperatorTemplates, 'render'>): ComposeMail =>
  async (kind, draft) => {
    const builtIn = composeMail(kind, draft);
    const parts = await templates.render(kind, draft, mailLocale(draft.locales, draft.app.languages));
    if (!parts) return builtIn;
    const subject = parts.subject === undefined ? builtIn.subject : oneLine(parts.subject, MAX_SUBJECT);
    return { ...builtIn, ...parts, subject };
  };
