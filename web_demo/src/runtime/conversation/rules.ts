/**
 * Parses sentences by rules over the words of a language and of a catalogue. The same as
 * `edge_runtime/conversation/rules.py`.
 *
 * The elements of a sentence are read from left to right with a polarity: what is named is wanted, excluded or preferred. A
 * negation holds until a "but" or the end of a sentence, or, after something was named, a new "with" or "something".
 */

import { at } from "../at";
import { conclusionOf, meanLast } from "./conclusion";
import { beginCorrection, settle } from "./corrections";
import { readCue } from "./cues";
import { beginsAnew, weighed, withoutDoubtful } from "./evidence";
import type { Lexicon } from "./lexicon";
import { readName } from "./naming";
import { readNumber } from "./numbers";
import type { Context, Parsed, Parser } from "./parsed";
import { changesList, distinctBy } from "./query";
import { Reading } from "./reading";
import { readField } from "./references";
import { type Element, scan } from "./scanning";
import { tokensOf } from "./tokens";

const [COMMA, STOP] = [1, 2];
/** Maximum number of readings that a person is asked about. */
const MAX_READINGS = 3;

/** The parser that is always there. */
export class RuleParser implements Parser {
  constructor(
    private readonly lexicon: Lexicon,
    private readonly itemIds: readonly string[],
  ) {}

  parse(text: string, context: Context): Parsed {
    const elements = weighed(scan(tokensOf(text), this.lexicon), this.lexicon);
    const doubtful = [...elements.keys()].filter((index) => at(elements, index).isDoubtful);
    const parsed = this.read(withoutDoubtful(elements), context);
    if (doubtful.length === 0 || parsed.readings.length > 0 || doesSomething(parsed)) return parsed;
    const chosen = doubtful.length > 1 ? [doubtful, ...doubtful.map((index) => [index])] : [doubtful];
    const found = chosen
      .map((but) => this.read(withoutDoubtful(elements, but), context))
      .filter(({ query, problem }) => changesList(query) && problem === null);
    const readings = distinctBy(
      found.map(({ query }) => query),
      (query) => JSON.stringify(query),
    ).slice(0, MAX_READINGS);
    return { ...parsed, readings, words: new Map(found.toReversed().flatMap(({ words }) => [...words])) };
  }

  private read(elements: readonly Element[], context: Context): Parsed {
    const reading = new Reading(elements, this.lexicon, this.itemIds, context);
    let index = 0;
    while (index < elements.length) {
      reading.index = index;
      index += read(reading, index);
    }
    reading.leaveItem();
    settle(reading);
    if (reading.isAlike && reading.likes) meanLast(reading);
    return conclusionOf(reading);
  }
}

function doesSomething({ query, problem }: Parsed): boolean {
  return changesList(query) || !["nothing", "filter"].includes(query.intent) || problem !== null;
}

/** Read the element at an index; returns how many were used. */
function read(reading: Reading, index: number): number {
  const element = at(reading.elements, index);
  const { cue, gap, meaning } = element;
  if (element.isCue("correction")) {
    beginCorrection(reading, index);
    return 1;
  }
  const follows = index > 0 && reading.elements[index - 1]?.isCue("correction") === false;
  if (follows && (gap === STOP || (gap === COMMA && isOver(reading, index)))) reading.endClause();
  if (element.isUnknown) {
    reading.unknown.push(element.shown);
    return 1;
  }
  if (isCarrier(reading, index)) return 1;
  if (meaning !== null) return readName(reading, index, meaning);
  if (element.number !== null || cue?.number || cue?.decade) return readNumber(reading, index);
  if (cue === null) return 1;
  if (cue.position !== null) {
    reading.point(cue.position);
    return 1;
  }
  return cue.field === null ? readCue(reading, index) : readField(reading, index, cue.field);
}

/** Whether an element only carries the value before it, such as "scent" of "rose scent". */
function isCarrier({ elements }: Reading, index: number): boolean {
  const element = at(elements, index);
  return index > 0 && element.gap === 0 && element.isCue("carrier") && at(elements, index - 1).meaning !== null;
}

/** Whether what was said before a comma has no hold on what follows, as in "money is no issue, boots". */
function isOver(reading: Reading, index: number): boolean {
  const { elements, lexicon, itemUsed, isNegated } = reading;
  if (reading.isReplaced && reading.nNamed > 0) return true; // "instead of boots, shoes"
  // "Boots, no".
  const isAnswer = elements.slice(index).every((element) => element.isSkipped || element.isCue("not", "with"));
  return !isAnswer && ((isNegated && itemUsed) || beginsAnew(elements, index, lexicon));
}
