/**
 * A GBNF grammar that accepts exactly a list of sentences, so that a model can write nothing else.
 *
 * Sentences with a common beginning share it. The same as `edge_runtime/language_model/grammar.py`; format:
 * https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md.
 */

import { at } from "../at";

/** Code points, so that surrogate pairs are never split. */
type Text = readonly string[];

/** @throws RangeError the list or one of its sentences is empty. */
export function grammar(sentences: Iterable<string>): string {
  const every = [...new Set(sentences)].map((text) => [...text]).sort(compare);
  if (every.length === 0 || every[0]?.length === 0)
    throw new RangeError("a grammar needs sentences that are not empty");
  return `root ::= ${tree(every)}\n`;
}

/** The expression for sorted, distinct, non-empty sentences with the same first character, or with several. */
function tree(sentences: readonly Text[]): string {
  const head = commonHead(sentences);
  if (head === 0) return `(${branchesOf(sentences).map(tree).join(" | ")})`;
  const rest = sentences.filter((text) => text.length > head).map((text) => text.slice(head));
  const start = literal(at(sentences, 0).slice(0, head));
  if (rest.length === 0) return start;
  const inner = tree(rest);
  const grouped = inner.startsWith("(") ? inner : `(${inner})`;
  return `${start} ${grouped}${rest.length < sentences.length ? "?" : ""}`;
}

function commonHead(sentences: readonly Text[]): number {
  // The sentences are sorted: what the first and the last share, all share.
  const [first, last] = [at(sentences, 0), at(sentences, -1)];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return length;
}

function branchesOf(sentences: readonly Text[]): Text[][] {
  const branches = new Map<string, Text[]>();
  for (const text of sentences) {
    const branch = branches.get(at(text, 0));
    if (branch === undefined) branches.set(at(text, 0), [text]);
    else branch.push(text);
  }
  return [...branches.values()];
}

/** A quoted literal; everything but plain ASCII is escaped as `\U` and eight digits. */
function literal(text: Text): string {
  const plain = text.map((char) => {
    if (char >= " " && char <= "~" && char !== '"' && char !== "\\") return char;
    return `\\U${pointOf(char).toString(16).toUpperCase().padStart(8, "0")}`;
  });
  return `"${plain.join("")}"`;
}

function compare(a: Text, b: Text): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = pointOf(at(a, i)) - pointOf(at(b, i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function pointOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}
