/** Splits texts into normalized words. The same as `edge_runtime/search/words.py`, which explains the rules. */

const LETTERS: ReadonlyMap<string, string> = new Map(
  Object.entries({ ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ł: "l", ħ: "h", ı: "i", ς: "σ" }),
);
const DROPPED =
  /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]/gu;
const APOSTROPHES = /['`\u00b4\u02bc\u2018\u2019\u2032\uff07]/u;
/** Scripts written without spaces: the inside of a character class of a regular expression. */
export const UNSPACED =
  "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3005-\\u3007\\u3040-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7a3\\u{20000}-\\u{3ffff}";
const PIECE = new RegExp(`[0-9]+|[${UNSPACED}]+|[^ 0-9${UNSPACED}]+`, "gu");
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");
const IS_OF_WORDS = /^[\p{L}\p{M}\p{N}]$/u;
const IS_FORMAT = /^\p{Cf}$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them.
export const IS_ASCII = /^[\x00-\x7f]*$/;

/** The words of a text, without case, accents and apostrophes; pairs of characters for scripts without spaces. */
export function wordsOf(text: string): string[] {
  if (IS_ASCII.test(text))
    return (
      text
        .toLowerCase()
        .replace(/['`]/g, "")
        .match(/[0-9]+|[a-z]+/g) ?? []
    );
  const folded = Array.from(text, fold).join("").normalize("NFC");
  return (folded.match(PIECE) ?? []).flatMap((piece) => (IS_UNSPACED.test(piece) ? pairs(piece) : [piece]));
}

/** The common stem of a word and its plural: "box" for "boxes", "beany" for "beanie" and "beanies". */
export function stem(word: string): string {
  let rest = word;
  while (rest.length >= 4) {
    const last = rest.at(-1);
    const before = rest.charAt(rest.length - 2);
    if (last === "s" && before !== "s") rest = rest.slice(0, -1);
    else if (last === "e" && before === "i") rest = `${rest.slice(0, -2)}y`;
    else if (last === "e" && before !== "e" && (rest.length >= 5 || "hsxz".includes(before))) rest = rest.slice(0, -1);
    else break;
  }
  return rest;
}

/** Folded characters, computed on first use. */
const folded = new Map<string, string>();

function fold(character: string): string {
  let kept = folded.get(character);
  if (kept === undefined) {
    kept = foldAnew(character);
    folded.set(character, kept);
  }
  return kept;
}

function foldAnew(character: string): string {
  if (APOSTROPHES.test(character) || IS_FORMAT.test(character)) return "";
  if (!IS_OF_WORDS.test(character)) return " ";
  const plain = character.normalize("NFKD").replace(DROPPED, "").toLowerCase();
  const kept = Array.from(plain, (part) => (IS_OF_WORDS.test(part) ? (LETTERS.get(part) ?? part) : " ")).join("");
  return kept.includes(" ") ? ` ${kept}` : kept;
}

function pairs(run: string): string[] {
  const characters = Array.from(run);
  return Array.from({ length: Math.max(1, characters.length - 1) }, (_, at) => characters.slice(at, at + 2).join(""));
}
