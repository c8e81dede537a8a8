/**
 * A GBNF grammar whose language is exactly a list of sentences, so that whatever a model writes is one of them.
 *
 * Sentences that begin alike share that beginning. Twin of `edge_runtime/reasons/grammar.py`; format:
 * https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md.
 */

/** Code points, because a literal must never be cut within a pair of surrogates. */
type Text = readonly string[];

/** @throws RangeError there is no sentence, or an empty one. */
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
  const start = literal((sentences[0] as Text).slice(0, head));
  if (rest.length === 0) return start;
  const inner = tree(rest);
  const grouped = inner.startsWith("(") ? inner : `(${inner})`;
  return `${start} ${grouped}${rest.length < sentences.length ? "?" : ""}`;
}

function commonHead(sentences: readonly Text[]): number {
  // Sorted: what the first and the last share, all share.
  const [first, last] = [sentences[0] as Text, sentences.at(-1) as Text];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return length;
}

function branchesOf(sentences: readonly Text[]): Text[][] {
  const branches = new Map<string, Text[]>();
  for (const text of sentences) {
    const branch = branches.get(text[0] as string);
    if (branch === undefined) branches.set(text[0] as string, [text]);
    else branch.push(text);
  }
  return [...branches.values()];
}

/** In quotes; everything but plain ASCII as `\U` and eight digits, so that nothing can leave the quotes. */
function literal(text: Text): string {
  const plain = text.map((char) => {
    if (char >= " " && char <= "~" && char !== '"' && char !== "\\") return char;
    return `\\U${pointOf(char).toString(16).toUpperCase().padStart(8, "0")}`;
  });
  return `"${plain.join("")}"`;
}

function compare(a: Text, b: Text): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = pointOf(a[i] as string) - pointOf(b[i] as string);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function pointOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}
