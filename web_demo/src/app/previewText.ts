import type { Preview } from "../worker/protocol";
import { shortened } from "./format";

const MAX_TITLE = 40;
/** Titles that are named; the others are counted. */
const N_NAMED = 2;

/** What a newer release changes in the user's list, in one sentence; empty if there is no list. */
export function previewText({ of, entering, isReordered }: Preview): string {
  if (of === 0) return "";
  if (entering.length === 0) return isReordered ? `Your first ${of} stay, in another order.` : `Your first ${of} stay.`;
  const named = entering.slice(0, N_NAMED).map((title) => shortened(title, MAX_TITLE));
  const others = entering.length - named.length;
  const parts = others === 0 ? named : [...named, others === 1 ? "1 more" : `${others} more`];
  const last = parts.pop();
  const names = parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
  const [verb, are] = entering.length === 1 ? ["changes", "is"] : ["change", "are"];
  return `${entering.length} of your first ${of} ${verb}: ${names} ${are} new.`;
}
