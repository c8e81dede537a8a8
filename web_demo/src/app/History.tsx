import { useLayoutEffect, useRef } from "preact/hooks";
import type { HistoryEntry, UserHistory } from "../worker/protocol";
import { useFlip } from "./flip";
import { shortened } from "./format";
import type { KindWords } from "./kinds";
import { Picture } from "./Picture";
import { singleClick } from "./singleClick";
import { fill, plural, t } from "./texts";

/** Characters, three lines of a chip. */
const MAX_TITLE = 36;

/** The items that the user chose, newest first, with a remove button each. The strip keeps its height when empty. */
export function History({
  history,
  words,
  onRemove,
}: {
  history: UserHistory | null;
  words: KindWords;
  onRemove: (entries: readonly HistoryEntry[]) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  const removed = useRef<number | null>(null);
  const { entries, hidden } = history ?? { entries: [], hidden: [] };
  useFlip(list, entries[0]?.id ?? 0);
  useLayoutEffect(() => {
    const index = removed.current;
    removed.current = null;
    const buttons = list.current?.querySelectorAll("button") ?? [];
    if (index !== null) buttons[Math.min(index, buttons.length - 1)]?.focus();
  }, [entries.length]);
  const remove = (entry: HistoryEntry, index: number) => {
    removed.current = index;
    onRemove([entry]);
  };
  return (
    <section class="history" aria-labelledby="history-title">
      <div class="heading">
        <h2 id="history-title" tabIndex={-1}>
          {t.history.title}
        </h2>
        {hidden.length > 0 && (
          <p class="hint">
            {plural(t.history.hidden, hidden.length)}{" "}
            <button type="button" class="link" onClick={() => onRemove(hidden)}>
              {t.history.showAgain}
            </button>
          </p>
        )}
      </div>
      {entries.length === 0 ? (
        <p class="strip empty">{history !== null && t.history.empty}</p>
      ) : (
        <ul class="strip" ref={list}>
          {entries.map((entry, index) => (
            <li key={entry.id} data-key={entry.id} class={entry.gone ? "chip gone" : "chip"}>
              <Picture row={entry.row} title={entry.title} kind={entry.kind} />
              <span class="name" title={entry.title}>
                {shortened(entry.title, MAX_TITLE)}
                {entry.gone && <small>{words.gone}</small>}
              </span>
              <button
                type="button"
                class="remove"
                aria-label={fill(t.history.remove, { title: entry.title })}
                onClick={singleClick(() => remove(entry, index))}
              >
                <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
                  <path d="M3 3l10 10M13 3L3 13" />
                </svg>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
