import { expect, test } from "vitest";
import { byLanguage } from "../src/runtime/languages";

/** Files whose loading is counted, the first of which fails the first time. */
function filesOf(loaded: string[]): Record<string, () => Promise<string>> {
  return {
    "words/de.json": async () => {
      loaded.push("de");
      if (loaded.length === 1) throw new Error("no network");
      return "Hallo";
    },
    "words/en.json": async () => {
      loaded.push("en");
      return "Hello";
    },
  };
}

test("the file of a language is loaded once, and again only after a failure", async () => {
  const loaded: string[] = [];
  const greetings = byLanguage(filesOf(loaded), (text, language) => `${language}: ${text}`);
  await expect(greetings.load("de")).rejects.toThrow("no network");
  expect(await Promise.all([greetings.load("de"), greetings.load("de")])).toEqual(["de: Hallo", "de: Hallo"]);
  expect(await greetings.load("de")).toBe("de: Hallo");
  expect(loaded).toEqual(["de", "de"]);
});

test("a language is chosen by a browser's tag, and refused by name where there is no file", async () => {
  const greetings = byLanguage(filesOf([]), (text) => text);
  expect(["de-AT", "DE", "fr", "constructor", ""].map(greetings.forTag)).toEqual(["de", "de", "en", "en", "en"]);
  await expect(greetings.load("fr")).rejects.toThrow('language must be one of de, en, got "fr"');
});
