/** Which language a person gets: what they asked for, as one list, and the best of those that there are. */

/** RFC 5646 §2.1, as far as anything of ours distinguishes. */
const TAG = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const MAX_WISHES = 20;
const MAX_HEADER = 500;

export interface Wishes {
  /** `ui_locales`, space separated, best first (OIDC Core §3.1.2.1). */
  readonly uiLocales?: string | undefined;
  /** `Accept-Language` (RFC 9110 §12.5.4). */
  readonly accept?: string | undefined;
  /** The app's own language. */
  readonly fallback?: string | undefined;
}

/**
 * Languages the person reads, best first, the app's own at the end. A script that was asked for stays: after `zh-TW` a bare
 * `zh`, which browsers add by themselves, means Traditional Chinese too, and Simplified comes behind everything else that
 * the person named, yet before a language that they did not name at all.
 */
export function wantedLanguages({ uiLocales, accept, fallback }: Wishes): string[] {
  const { ranges, refused } = acceptedRanges(accept ?? '');
  const own = fallback !== undefined && TAG.test(fallback) ? [fallback] : [];
  const isRefused = (tag: string): boolean => refused.some((range) => isWithin(tag, range));
  const named = [...(uiLocales ?? '').slice(0, MAX_HEADER).split(' '), ...ranges]
    .flatMap((range) => (range === '*' ? own.filter((tag) => !isRefused(tag)) : [range]))
    .filter((tag) => TAG.test(tag))
    .slice(0, MAX_WISHES);
  const inScript = named.map((tag, at) => withScriptOf(tag, named.slice(0, at)));
  const otherScripts = inScript.flatMap((tag) => {
    const { language, script } = parsed(tag);
    const usual = parsed(language);
    return script === usual.script ? [] : [`${language}-${usual.script}`];
  });
  return [...new Set([...inScript, ...otherScripts, ...own])];
}

function withScriptOf(tag: string, before: readonly string[]): string {
  if (tag.includes('-')) return tag;
  const wish = before.map(parsed).find(({ language }) => language === parsed(tag).language);
  return wish?.script === undefined ? tag : `${tag}-${wish.script}`;
}

function acceptedRanges(header: string): { ranges: string[]; refused: string[] } {
  const all = header
    .slice(0, MAX_HEADER)
    .split(',')
    .map((part) => {
      const [range = '', ...parameters] = part.trim().split(';');
      const quality = /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(parameters.join(';'))?.[1];
      return { range: range.trim(), quality: quality === undefined ? 1 : Number(quality) };
    })
    .sort((a, b) => b.quality - a.quality);
  const having = (test: (quality: number) => boolean) =>
    all.filter(({ quality }) => test(quality)).map(({ range }) => range);
  return { ranges: having((quality) => quality > 0), refused: having((quality) => quality === 0) };
}

const isWithin = (tag: string, range: string): boolean =>
  `${tag}-`.toLowerCase().startsWith(`${range}-`.toLowerCase());

/**
 * The first wish that there is. Each is looked up by RFC 4647 §3.4, shortened from its end, and then by language and
 * script, so that `pt-PT` finds `pt-BR` and `zh-SG` finds `zh-Hans`, but `zh-TW` does not. Undefined when none fits.
 *
 * @param available by lower-case tag
 */
export function bestLanguage<Found extends { readonly tag: string }>(
  wanted: readonly string[],
  available: ReadonlyMap<string, Found>,
): Found | undefined {
  for (const range of wanted) {
    for (let tag = range.toLowerCase(); tag !== ''; tag = shortened(tag)) {
      const found = available.get(tag);
      if (found) return found;
    }
    const { language, script } = parsed(range);
    if (script === undefined) continue;
    for (const candidate of available.values()) {
      const other = parsed(candidate.tag);
      if (other.language === language && other.script === script) return candidate;
    }
  }
  return undefined;
}

/** RFC 4647 §3.4: a single letter or digit left at the end goes together with what followed it. */
const shortened = (tag: string): string => tag.replace(/(?:-[a-z0-9])?-[^-]*$|^[^-]*$/, '');

interface Parsed {
  readonly language: string;
  /** As written, else the usual one of this language and region; undefined when nobody knows. */
  readonly script: string | undefined;
}

const parsedTags = new Map<string, Parsed>();
/** Tags come from requests; those that there are number some hundreds. */
const MAX_PARSED = 2000;

function parsed(tag: string): Parsed {
  const known = parsedTags.get(tag);
  if (known) return known;
  const made = parse(tag);
  if (parsedTags.size < MAX_PARSED) parsedTags.set(tag, made);
  return made;
}

function parse(tag: string): Parsed {
  try {
    const { language, script } = new Intl.Locale(tag).maximize();
    return { language, script };
  } catch {
    // No tag by its grammar, though it looks like one (RFC 5646 §2.2.9).
    return { language: tag.toLowerCase(), script: undefined };
  }
}

const RTL_SCRIPTS = new Set(['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg', 'Mand', 'Samr']);

export const directionOf = (tag: string): 'ltr' | 'rtl' =>
  RTL_SCRIPTS.has(parsed(tag).script ?? '') ? 'rtl' : 'ltr';
