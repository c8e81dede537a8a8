/**
 * Writes the list that is shown as one text, piece by piece, until anything else is to be written or the list changes.
 * Loaded when the user first asks for it.
 */

import { ENGLISH } from "../runtime/languages";
import { listCase } from "../runtime/listText/cases";
import { type Piece, writeText } from "../runtime/listText/writing";
import type { ListTextView, Notify } from "./protocol";
import type { Reasons } from "./reasons";
import type { ReasonWriter } from "./reasonWriter";

/** How many texts were begun or ended; each has other words than the one before. */
let turn = 0;

/**
 * Write the list in its place on the page, or delete that text; resolves when it is whole or was ended.
 *
 * @param on whether to write it.
 */
export async function writeList(
  on: boolean,
  reasons: Pick<Reasons, "inWords" | "resume">,
  writer: Pick<ReasonWriter, "take">,
  notify: Notify,
): Promise<void> {
  const own = ++turn;
  const { writer: model, stop } = writer.take();
  notify("listText", null);
  const { inWords } = reasons;
  if (!on || inWords === null) return reasons.resume();
  const { list, explanation } = inWords;
  const { language } = explanation;
  const about = listCase(list.recommender.items, explanation);
  let view: ListTextView = {
    version: list.version,
    language,
    lines: [],
    begun: "",
    of: 1 + about.entries.length,
    isWriting: true,
    by: [],
  };
  notify("listText", view);
  // The model has learned English texts only.
  for await (const piece of writeText(about, language === ENGLISH ? model : null, own, stop)) {
    if (stop.aborted) break;
    view = grown(view, piece);
    notify("listText", view);
  }
  if (!stop.aborted) {
    notify("listText", { ...view, isWriting: false });
    reasons.resume();
  } else if (own === turn) notify("listText", null);
}

function grown(view: ListTextView, { text, source }: Piece): ListTextView {
  const by = view.by.includes(source) ? view.by : [...view.by, source];
  const line = view.begun + text;
  if (!line.endsWith("\n")) return { ...view, by, begun: line };
  return { ...view, by, begun: "", lines: [...view.lines, line.trimEnd()] };
}
