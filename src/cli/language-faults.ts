/** What is wrong with the languages of this repository: part of `npm run check`, so that no text is missing in any of them. */
import { equalShareFault, textFaults } from '../core/text-check.ts';
import { readFolder } from '../lib/json-folder.ts';

const FOLDERS = ['views/locales/', 'views/mail/locales/'] as const;

/** `views/locales/pl.json: a.left.few: is missing`. */
export function languageFaults(): string[] {
  const languages = FOLDERS.map((folder) => ({
    folder,
    all: readFolder(new URL(`../../${folder}`, import.meta.url)),
  }));
  const tags = new Set(languages.flatMap(({ all }) => [...all.keys()]));
  return [...tags].flatMap((tag) =>
    languages.flatMap(({ folder, all }) => {
      const texts = all.get(tag);
      if (!texts) return [`${folder}${tag}.json: is missing`];
      const english = all.get('en') ?? {};
      const share = equalShareFault(tag, texts, english);
      const faults = [...textFaults(tag, texts, english), ...(share === undefined ? [] : [share])];
      return faults.map((fault) => `${folder}${tag}.json: ${fault}`);
    }),
  );
}
