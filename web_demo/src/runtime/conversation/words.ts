/**
 * The words of a language: cues, function words, synonyms, and the sentences of answers. The same as
 * `edge_runtime/conversation/words.py`, with the same files, of which only the one in use is loaded.
 */

import { byLanguage } from "../languages";
import { separate, textsOf } from "./tokens";

type Lists = Readonly<Record<string, readonly string[]>>;

/** The content of a file of `edge_runtime/conversation/words/`; `words.py` describes it. */
export interface Words {
  readonly cues: Lists;
  readonly positions: Lists;
  readonly numbers: Lists;
  readonly decades: Lists;
  readonly fields: Lists;
  readonly skip: readonly string[];
  readonly subjects: readonly string[];
  readonly statements: readonly string[];
  readonly questions: readonly string[];
  readonly possessives: readonly string[];
  readonly light: readonly string[];
  /** None if they are left out. */
  readonly speakers?: readonly string[];
  readonly every?: readonly string[];
  readonly corrections?: readonly string[];
  readonly hesitations?: readonly string[];
  readonly fillers?: readonly string[];
  readonly ordinary: readonly string[];
  /** Whether a capital letter within a sentence says that a word is a name; true if it is left out. */
  readonly capitals?: boolean;
  /** The decimal mark; a point if it is left out. */
  readonly decimal?: string;
  readonly same: Lists;
  readonly related: Lists;
  readonly answers: Readonly<Record<string, string>>;
  readonly chips: Readonly<Record<string, string>>;
  readonly replies: Lists;
  readonly lengths: Lists;
}

/** What a phrase of a language may mean. */
export interface Cue {
  /** Names of cues; `skip` for a word without a meaning of its own. */
  readonly names: ReadonlySet<string>;
  /** Number of an item of the list; -1 is the last. */
  readonly position: number | null;
  readonly number: number | null;
  /** First year of a decade. */
  readonly decade: number | null;
  /** The fact that it names. */
  readonly field: string | null;
}

/** What a phrase means that has one meaning only. */
export function cueOf(name: string): Cue {
  return { names: new Set([name]), position: null, number: null, decade: null, field: null };
}

/** The phrases of a language by their words. */
export interface Phrases {
  readonly language: string;
  readonly words: Words;
  /** The words of a phrase, joined by blanks, to its meaning. */
  readonly cues: ReadonlyMap<string, Cue>;
  /** The largest number of words of a phrase. */
  readonly longest: number;
  /** Every word that is in a phrase. */
  readonly known: ReadonlySet<string>;
  /** The words of these lists. */
  readonly subjects: ReadonlySet<string>;
  readonly statements: ReadonlySet<string>;
  /** With the verbs of statements. */
  readonly questions: ReadonlySet<string>;
  readonly possessives: ReadonlySet<string>;
  readonly light: ReadonlySet<string>;
  readonly speakers: ReadonlySet<string>;
  readonly every: ReadonlySet<string>;
  readonly ordinary: ReadonlySet<string>;
  /** The words of phrases that take something back, or that stand beside such ones, joined by blanks. */
  readonly corrections: ReadonlyMap<string, Correction>;
}

/** What a phrase does within words that take something back, such as "no, sorry, I mean". */
export type Correction = "corrections" | "hesitations" | "fillers" | "no";

/** Facts that say how long something is, in minutes. */
export const LENGTHS: readonly string[] = ["duration", "reading_minutes"];

/** The phrases of each language of a conversation. */
export const spokenPhrases = byLanguage(
  import.meta.glob<Words>("../../../../edge_runtime/conversation/words/*.json", { import: "default" }),
  (words, language) => phrasesFrom(words, language),
);

/** A list by its key; empty if there is none. */
export function listOf(lists: Lists, key: string): readonly string[] {
  return Object.hasOwn(lists, key) ? (lists[key] ?? []) : [];
}

/** The phrases with those of a catalogue that knows how long things are, so that "shorter" asks for something. */
export function withLengths({ language, words }: Phrases): Phrases {
  return phrasesFrom(words, language, words.lengths);
}

function phrasesFrom(words: Words, language: string, lengths: Lists = {}): Phrases {
  const names = new Map<string, Set<string>>();
  for (const [name, listed] of [words.cues, { skip: words.skip }, lengths].flatMap(Object.entries<readonly string[]>)) {
    const cue = isNumber(name) ? "minutes" : name;
    for (const text of listed.map(textsOf)) names.set(text, (names.get(text) ?? new Set()).add(cue));
  }
  const times = Object.fromEntries(Object.entries(lengths).filter(([name]) => isNumber(name)));
  const [positions, numbers, minutes, decades] = [words.positions, words.numbers, times, words.decades].map(
    (lists) => new Map([...byText(lists)].map(([text, key]) => [text, Number(key)])),
  );
  const fields = byText(words.fields);
  const cues = new Map<string, Cue>();
  for (const text of [names, positions, numbers, decades, fields].flatMap((map) => [...(map?.keys() ?? [])])) {
    if (text === "") continue;
    cues.set(text, {
      names: names.get(text) ?? new Set(),
      position: positions?.get(text) ?? null,
      number: numbers?.get(text) ?? minutes?.get(text) ?? null,
      decade: decades?.get(text) ?? null,
      field: fields.get(text) ?? null,
    });
  }
  const phrases = [...cues.keys(), ...[words.same, words.related].flatMap(Object.keys).map(textsOf)];
  const longest = [...cues.keys()].reduce((most, text) => Math.max(most, separate(text).length), 0);
  return {
    language,
    words,
    cues,
    longest,
    known: new Set(phrases.flatMap(separate)),
    subjects: wordsIn(words.subjects),
    statements: wordsIn(words.statements),
    questions: wordsIn([...words.statements, ...words.questions]),
    possessives: wordsIn(words.possessives),
    light: wordsIn(words.light),
    speakers: wordsIn(words.speakers),
    every: wordsIn(words.every),
    ordinary: wordsIn(words.ordinary),
    corrections: correctionsOf(words),
  };
}

/** Whether the name of a list is a number of minutes, such as that of "half an hour". */
function isNumber(name: string): boolean {
  return Number(name) > 0;
}

function correctionsOf(words: Words): Map<string, Correction> {
  const { no = [] } = words.replies;
  const lists = { no, fillers: words.fillers, hesitations: words.hesitations, corrections: words.corrections };
  return byText(Object.fromEntries(Object.entries(lists).map(([kind, texts = []]) => [kind, texts]))) as Map<
    string,
    Correction
  >;
}

function wordsIn(texts: readonly string[] = []): Set<string> {
  return new Set(texts.map(textsOf).flatMap(separate));
}

function byText(lists: Lists): Map<string, string> {
  return new Map(Object.entries(lists).flatMap(([key, texts]) => texts.map((text) => [textsOf(text), key] as const)));
}
