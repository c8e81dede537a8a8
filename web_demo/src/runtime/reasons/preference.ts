/**
 * Which style and tone of reasons the user keeps choosing, kept with the settings of the history. The same as
 * `edge_runtime/reasons/preference.py`.
 */

import { N_REASON_CHOICES, REASON_CHOICES } from "../constants";
import type { CountsClears, History } from "../events";
import { STYLES, type Style, TONES, type Tone } from "./words";

const TRIES = 5;

/** The newest choices, oldest first. */
export interface Choices {
  readonly styles: readonly Style[];
  readonly tones: readonly Tone[];
}

const NONE: Choices = { styles: [], tones: [] };

/** The choices; none if they are missing or damaged. */
export async function readChoices(history: Pick<History, "setting">): Promise<Choices> {
  return parsed(await history.setting(REASON_CHOICES));
}

/** Count a choice of a style, of a tone or of both, unless the history is cleared meanwhile. */
export async function addChoice(
  history: Pick<History, "setting" | "swap"> & CountsClears,
  style: Style | null,
  tone: Tone | null,
): Promise<void> {
  const { clears } = history;
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await history.setting(REASON_CHOICES);
    const choices = parsed(before);
    const after: Choices = {
      styles: [...choices.styles, ...(style === null ? [] : [style])].slice(-N_REASON_CHOICES),
      tones: [...choices.tones, ...(tone === null ? [] : [tone])].slice(-N_REASON_CHOICES),
    };
    if (history.clears !== clears) return;
    // Another tab may choose at the same time.
    if (await history.swap(REASON_CHOICES, before, JSON.stringify(after))) return;
  }
}

/** What was chosen most often, of equally frequent ones the newest; null if nothing was chosen. */
export function mostFrequent<T>(chosen: readonly T[]): T | null {
  const countOf = (one: T) => chosen.filter((other) => other === one).length;
  return chosen.reduce<T | null>((best, one) => (best === null || countOf(one) >= countOf(best) ? one : best), null);
}

function parsed(stored: unknown): Choices {
  try {
    const { styles = [], tones = [] } = JSON.parse(typeof stored === "string" ? stored : "{}") as Partial<Choices>;
    const isRight = styles.every((one) => STYLES.includes(one)) && tones.every((one) => TONES.includes(one));
    return isRight ? { styles: styles.slice(-N_REASON_CHOICES), tones: tones.slice(-N_REASON_CHOICES) } : NONE;
  } catch {
    return NONE;
  }
}
