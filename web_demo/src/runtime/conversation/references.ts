/**
 * Reads the name of a fact, and the value of an item that it refers to, such as "the brand of the third". The same as
 * `edge_runtime/conversation/references.py`.
 */

import { at } from "../at";
import { exclude } from "./cues";
import { type Reading, saidOf } from "./reading";

/** Read the name of a fact: of the item that is meant, or of the value that follows; returns the number of elements used. */
export function readField(reading: Reading, index: number, name: string): number {
  const { lexicon } = reading;
  const before = reading.before(index);
  const isOfItem = before?.isCue("this", "same", "other") === true;
  if (!lexicon.fieldNames.has(name)) {
    const following = reading.next(index);
    if (isOfItem || following === null || following.isUnknown) reading.lacks.push(name);
    return 1;
  }
  const used = ofTitle(reading, index, name);
  if (used > 0) return used;
  const isOther = before?.isCue("other") === true;
  if ((reading.next(index)?.meaning ?? null) !== null) {
    reading.ofField = name;
    if (isOther) exclude(reading, index);
    return 1;
  }
  const pointed = pointedAfter(reading, index);
  const isReference = !reading.itemUsed || isOfItem;
  if (lexicon.numeric.has(name) || !(isReference || pointed > 0)) {
    reading.ofField = name;
    return 1;
  }
  refer(reading, name, isOther);
  return 1 + pointed;
}

/** Read the title in "the director of Jaws"; returns the number of elements used, 0 if there is none. */
function ofTitle(reading: Reading, index: number, name: string): number {
  const { elements } = reading;
  let end = index + 1;
  while (elements[end]?.isSkipped || elements[end]?.isCue("with")) end++;
  const titled = elements[end];
  if (end === index + 1 || titled === undefined || !at(elements, index + 1).isCue("with")) return 0;
  const isTitle = titled.meaning !== null && titled.meaning.fields.length === 0;
  const row = isTitle ? reading.lexicon.titleRow(titled.text) : null;
  if (row === null) return 0;
  reading.item = at(reading.itemIds, row);
  refer(reading, name, false);
  return end + 1 - index;
}

/** Take the item that follows, as in "the brand of the third"; returns the number of elements used. */
function pointedAfter(reading: Reading, index: number): number {
  for (const [offset, element] of reading.elements.slice(index + 1, index + 5).entries()) {
    if (element.gap > 0) break; // "not that brand, the last thing I had ..."
    const position = positionAt(reading, index + 1 + offset);
    if (position !== null) {
      reading.itemUsed = true;
      reading.point(position);
      reading.itemUsed = true;
      return offset + 1;
    }
    if (element.isCue("this") && reading.context.about !== null) {
      reading.item = reading.context.about;
      return offset + 1;
    }
    if (!(element.isSkipped || element.isCue("like", "than", "with", "number_of"))) break;
  }
  return 0;
}

/** The position in the list that an element names, such as "third", or the 2 of "number 2". */
function positionAt({ elements }: Reading, index: number): number | null {
  const { cue, value } = at(elements, index);
  const isCounted = elements[index - 1]?.isCue("number_of") === true && Number.isInteger(value);
  return cue?.position ?? (isCounted ? value : null);
}

function refer(reading: Reading, name: string, isOther: boolean): void {
  const item = reading.item ?? reading.context.about;
  const isExcluded = isOther || reading.polarity === "not";
  reading.itemUsed = true;
  // "No Aster, show me other brands".
  if (item === null && isOther && reading.said.some((one) => one.polarity === "not" && one.wish.field === name)) return;
  if (item === null) {
    [reading.problem, reading.ofProblem, reading.excludes] = ["which", name, isExcluded];
    return;
  }
  const values = reading.context.facts(item).get(name) ?? [];
  if (values.length === 0) {
    [reading.problem, reading.ofProblem] = ["no_value", name];
    return;
  }
  reading.said.push(saidOf({ field: name, values }, isExcluded ? "not" : reading.polarity));
  reading.nNamed += 1;
}
