/** Makes the case of a list text from what may be said about its items. The same as `edge_runtime/list_text/cases.py`. */

import type { Items } from "../items";
import { Assigner } from "../reasons/assignment";
import type { ListExplanation } from "../reasons/explainer";
import type { Wording } from "../reasons/wordings";
import { type Entry, type ListCase, shownTitle } from "./case";
import { openings, taste } from "./openings";

/**
 * What a text about a list may say: of each item, what reasons of the list would be chosen from. What cites no event of the
 * history, only popularity, may be left out.
 *
 * @throws RangeError there are no openings in the explanation's language.
 */
export function listCase(items: Pick<Items, "ids" | "titles" | "factFields">, explanation: ListExplanation): ListCase {
  const { rows, evidence } = explanation.listed;
  const { speaker, language } = explanation;
  const values = taste(items, [...evidence.pasts, ...evidence.older]);
  const choices = choicesOf(explanation);
  const entries = rows.map((row, index): Entry => {
    const [itemId = "", title = ""] = [items.ids[row], items.titles[row]];
    const ofItem = choices[index] ?? [];
    return {
      itemId,
      name: speaker.quoted(shownTitle(title, itemId)),
      reasons: ofItem.map(({ text }) => text),
      isOptional: ofItem[0]?.facts[0]?.kind === "popular",
    };
  });
  const opening = openings(
    values.map((value) => speaker.quoted(value)),
    language,
  );
  return { openings: opening, entries, taste: values, style: speaker.style };
}

/**
 * The wordings of each item: the template's, and others that no other item may have. So whatever is chosen among them, no
 * two items sound alike that the template would not let sound alike.
 */
function choicesOf({ listed, speaker, claims }: ListExplanation): Wording[][] {
  const assigner = new Assigner();
  const found = listed.rows.map((row, index) => {
    const [first, ...others] = assigner.choices(speaker, row, claims[index] ?? []);
    if (first !== undefined) assigner.say(first);
    return { chosen: first === undefined ? [] : [first], others };
  });
  const taken = new Set(found.flatMap(({ chosen }) => chosen.map(({ skeleton }) => skeleton)));
  while (found.some(({ others }) => others.length > 0)) {
    for (const one of found) {
      one.others = one.others.filter(({ skeleton }) => !taken.has(skeleton));
      const next = one.others.shift();
      if (next === undefined) continue;
      one.chosen.push(next);
      taken.add(next.skeleton);
    }
  }
  return found.map(({ chosen }) => chosen);
}
