import type { Preview } from "../worker/protocol";
import { shortened } from "./format";
import { listed, plural, t } from "./texts";

const MAX_TITLE = 40;
/** Titles that are named; the others are counted. */
const N_NAMED = 2;

/** What a newer release changes in the user's list, in one sentence; empty if there is no list. */
export function previewText({ of, entering, isReordered }: Preview): string {
  if (of === 0) return "";
  if (entering.length === 0) return plural(isReordered ? t.notices.reordered : t.notices.stay, of);
  const named = entering.slice(0, N_NAMED).map((title) => shortened(title, MAX_TITLE));
  const nOthers = entering.length - named.length;
  const titles = listed(nOthers === 0 ? named : [...named, plural(t.notices.others, nOthers)]);
  return plural(t.notices.entering, entering.length, { of, titles });
}
