/**
 * The language that was chosen by hand. It is kept in this browser, if it lets the page store anything, until the user's data
 * is deleted.
 */

import type { UserData } from "../worker/protocol";
import { LANGUAGES, pageLanguage } from "./texts";

const KEY = "pocketrec-language";

/** The language to begin with: the one that was chosen, or else the browser's. */
export function firstLanguage(): string {
  return chosen() ?? pageLanguage(navigator.languages);
}

/** Keep a language as the chosen one, unless it is what the browser asks for anyway. */
export function keepLanguage(language: string): void {
  if (language === pageLanguage(navigator.languages)) forgetLanguage();
  else withStorage((storage) => storage.setItem(KEY, language));
}

/** Forget what was chosen; an open page goes on in its language. */
export function forgetLanguage(): void {
  withStorage((storage) => storage.removeItem(KEY));
}

/** The data about the user, with the choice as one more setting. */
export function withLanguage(userData: UserData): UserData {
  const language = chosen();
  if (language === null) return userData;
  const { settings, eventBytes } = userData;
  return { ...userData, settings: settings + 1, eventBytes: eventBytes + JSON.stringify([KEY, language]).length };
}

function chosen(): string | null {
  const kept = withStorage((storage) => storage.getItem(KEY)) ?? null;
  return kept !== null && LANGUAGES.includes(kept) ? kept : null;
}

/** The browser may refuse any use of its storage. */
function withStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}
