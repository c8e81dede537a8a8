import type { VNode } from "preact";
import type { ListTextView } from "../worker/protocol";
import type { SendRequest, View } from "./client";
import { parts } from "./partTexts";
import { singleClick } from "./singleClick";

/** Begins, ends and hides the text about the list; null where there is no language model, or nothing to say of a list. */
export function writeButton(view: View, request: SendRequest): VNode | null {
  const text = textOf(view);
  const label = text === null ? parts.text.write : text.isWriting ? parts.text.stop : parts.text.hide;
  const canBegin = view.language.state === "ready" && view.recommendations.by !== "popularity";
  if (text === null && !canBegin) return null;
  const write = () => void request("writeList", { on: text === null }).catch(() => undefined);
  return (
    <button type="button" class="link" lang={parts.locale} onClick={singleClick(write)}>
      {label}
    </button>
  );
}

/**
 * The list in words. Screen readers are told each line when it is whole: until then it is hidden from them, and its
 * element is then replaced by another one.
 */
export function listText(view: View): VNode | null {
  const text = textOf(view);
  if (text === null) return null;
  const { lines, begun, isWriting, language, of } = text;
  const [opening, ...items] = lines;
  // Of the final size at once, so that the cards below move only where a line takes more room.
  const waiting = Array.from({ length: isWriting ? of - lines.length : 0 }, (_, index) => (index === 0 ? begun : ""));
  return (
    <div class="list-text" role="log" aria-label={parts.text.title} aria-busy={isWriting}>
      {opening === undefined ? (
        <p aria-hidden="true">{waiting.shift() || "\u00a0"}</p>
      ) : (
        <p key="opening" lang={language}>
          {opening}
        </p>
      )}
      <ol>
        {items.map((line, index) => (
          <li key={index} lang={language}>
            {line}
          </li>
        ))}
        {waiting.map((line, index) => (
          <li key={`waiting ${index}`} aria-hidden="true">
            {line || "\u00a0"}
          </li>
        ))}
      </ol>
      <p class="by" lang={parts.locale}>
        {isWriting ? "\u00a0" : authorOf(text)}
      </p>
    </div>
  );
}

/** The text about the list that is shown. */
function textOf({ listText, recommendations }: View): ListTextView | null {
  return listText?.version === recommendations.version ? listText : null;
}

function authorOf({ by }: ListTextView): string {
  if (by.length > 1) return parts.text.byBoth;
  return by[0] === "language model" ? parts.text.byModel : parts.text.byTemplate;
}
