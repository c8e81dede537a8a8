/**
 * Writes list texts, piece by piece: with the language model where there is one, else from the template. The same as
 * `edge_runtime/list_text/writing.py`: every piece is checked against what the case allows, and where the model fails, the
 * template completes the text from there.
 */

import { at } from "../at";
import { messageOf } from "../errors";
import { type Writer, WriterError } from "../writer";
import { type Line, type ListCase, linesOf, templated } from "./case";
import { streamLines } from "./lines";
import { prompt } from "./prompt";

/** A piece of a list text; all of them together are the text. */
export interface Piece {
  /** Never goes beyond the end of a line. */
  readonly text: string;
  /** The item that the line is about; null in the opening. */
  readonly itemId: string | null;
  readonly source: "language model" | "template";
  /** If there is a language model, why it did not write this piece. */
  readonly note: string | null;
}

/**
 * Yield the pieces of a list text.
 *
 * @param writer the language model; null for the template.
 * @param stop ends the text; nothing more is yielded.
 */
export async function* writeText(
  listCase: ListCase,
  writer: Pick<Writer, "write"> | null,
  seed: number,
  stop: AbortSignal,
): AsyncGenerator<Piece> {
  const text = new Text(listCase);
  let note: string | null = null;
  if (writer !== null) {
    try {
      for await (const piece of streamLines(writer, prompt(listCase), text.lines, seed, stop)) {
        if (stop.aborted) return;
        yield text.add(piece, "language model", null);
      }
    } catch (error) {
      if (!(error instanceof WriterError)) throw error;
      note = messageOf(error);
    }
  }
  while (!text.isComplete && !stop.aborted) {
    const { line, begun, itemId } = text;
    yield text.add(templated(line, begun, seed, itemId === null).slice(begun.length), "template", note);
  }
}

/** A text that grows, and refuses what its case does not allow. */
class Text {
  readonly lines: readonly Line[];
  begun = "";
  private number = 0;
  private readonly itemIds: readonly (string | null)[];

  constructor(listCase: ListCase) {
    this.lines = linesOf(listCase);
    this.itemIds = [null, ...listCase.entries.map(({ itemId }) => itemId)];
  }

  get isComplete(): boolean {
    return this.number === this.lines.length;
  }

  /** What the line that was begun may be. */
  get line(): Line {
    return at(this.lines, this.number);
  }

  get itemId(): string | null {
    return at(this.itemIds, this.number);
  }

  /** @throws WriterError no alternative of the line begins like this. */
  add(text: string, source: Piece["source"], note: string | null): Piece {
    const begun = this.begun + text;
    if (this.isComplete || !this.line.some((line) => line.startsWith(begun))) {
      throw new WriterError("the language model wrote what the facts do not allow");
    }
    const piece = { text, itemId: this.itemId, source, note };
    this.begun = begun;
    if (begun.endsWith("\n")) {
      this.number++;
      this.begun = "";
    }
    return piece;
  }
}
