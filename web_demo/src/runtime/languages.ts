/** Data files by language, of which only those in use are loaded. */

export const ENGLISH = "en";

/** What was read from the file of each language. */
export interface ByLanguage<T> {
  /** The language for a browser's language, such as `de-AT`; English if there is no file for it. */
  readonly forTag: (tag: string) => string;
  /**
   * Load the file of a language, once.
   *
   * @throws RangeError there is none.
   */
  readonly load: (language: string) => Promise<T>;
}

/**
 * Files such as `words/de.json`, as `import.meta.glob` with `{ import: "default" }` returns them.
 *
 * @param read what is kept of a file.
 */
export function byLanguage<Content, T>(
  files: Readonly<Record<string, () => Promise<Content>>>,
  read: (content: Content, language: string) => T,
): ByLanguage<T> {
  const loaders = new Map(Object.entries(files).map(([path, load]) => [languageOf(path), load]));
  const loaded = new Map<string, Promise<T>>();
  return {
    forTag(tag) {
      const language = tag.split("-")[0]?.toLowerCase() ?? "";
      return loaders.has(language) ? language : ENGLISH;
    },
    async load(language) {
      const load = loaders.get(language);
      if (load === undefined) {
        const known = [...loaders.keys()].join(", ");
        throw new RangeError(`language must be one of ${known}, got ${JSON.stringify(language)}`);
      }
      const known = loaded.get(language);
      if (known !== undefined) return known;
      const file = load().then((content) => read(content, language));
      loaded.set(language, file);
      file.catch(() => loaded.delete(language)); // the next call tries again
      return file;
    },
  };
}

function languageOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1, -".json".length);
}
