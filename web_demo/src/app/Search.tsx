import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { MAX_QUERY_CHARACTERS } from "../runtime/constants";
import type { Hit, UserHistory } from "../worker/protocol";
import type { SendRequest } from "./client";
import type { KindWords } from "./kinds";
import { Picture } from "./Picture";
import { singleClick } from "./singleClick";
import { plural, t } from "./texts";

interface Props {
  readonly request: SendRequest;
  readonly ready: boolean;
  readonly words: KindWords;
  /** The search runs again when the history changes, so that the results show it. */
  readonly history: UserHistory;
  readonly onChoose: (hit: Hit) => void;
}

/** Search over titles and facts while typing; the results overlay the page, so that it does not move. */
export function Search({ request, ready, words, history, onChoose }: Props) {
  const [text, setText] = useState("");
  const [{ hits, answered }, setFound] = useState<{ hits: readonly Hit[]; answered: string }>({
    hits: [],
    answered: "",
  });
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const held = useRef<HTMLElement | null>(null);
  /** Keys for the results of a text that is not answered yet. */
  const waiting = useRef<(() => void)[]>([]);
  useEffect(() => {
    let isCurrent = true;
    void request("search", { text })
      .then((found) => {
        if (!isCurrent) return;
        held.current = focusedIn(box.current);
        setFound({ hits: found, answered: text });
      })
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [request, text, ready, history]);
  // A late response may remove the result that has the focus, which must then not fall back to the page's body.
  useLayoutEffect(() => {
    if (held.current && document.activeElement !== held.current) {
      (held.current.isConnected ? held.current : input.current)?.focus();
    }
    held.current = null;
    if (answered !== input.current?.value) return;
    for (const act of waiting.current.splice(0)) act();
  }, [hits, answered]);
  useEffect(() => {
    const close = (event: PointerEvent) => {
      if (event.target instanceof Node && box.current?.contains(event.target) === false) setOpen(false);
    };
    addEventListener("pointerdown", close);
    return () => removeEventListener("pointerdown", close);
  }, []);
  // The results of an earlier text are about to be replaced, and the focus must not be on one of them.
  const whenAnswered = (act: () => void) => {
    if (answered === input.current?.value) act();
    else waiting.current.push(act);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && open) {
      event.preventDefault();
      waiting.current = [];
      setOpen(false);
      input.current?.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      whenAnswered(() => step(box.current, event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && waiting.current.length > 0) {
      event.preventDefault();
      whenAnswered(() => focusedIn(box.current)?.click());
    }
  };
  const leave = (event: FocusEvent) => {
    if (event.relatedTarget instanceof Node && box.current?.contains(event.relatedTarget) === false) setOpen(false);
  };
  // The hits of what was typed a moment ago stay until the next answer; that there is nothing is not said before it.
  const isShown = open && text.trim() !== "" && (hits.length > 0 || (ready && answered === text));
  const isStale = answered !== text;
  return (
    <search class="search" ref={box} onKeyDown={onKeyDown} onFocusOut={leave}>
      <label class="unseen" for="search-text">
        {words.search}
      </label>
      <svg class="glass" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="8.5" cy="8.5" r="5.5" />
        <path d="M13 13l5 5" />
      </svg>
      <input
        id="search-text"
        ref={input}
        type="search"
        placeholder={words.search}
        autocomplete="off"
        spellcheck={false}
        maxLength={MAX_QUERY_CHARACTERS}
        value={text}
        aria-controls="search-hits"
        aria-describedby="search-count"
        onInput={(event) => {
          waiting.current = [];
          setText(event.currentTarget.value);
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
      />
      <p id="search-count" class="unseen" role="status">
        {isShown && (hits.length === 0 ? t.search.nothing : plural(t.search.found, hits.length))}
      </p>
      <ul id="search-hits" class="hits" hidden={!isShown} aria-busy={isStale}>
        {hits.map((hit) => (
          <li key={hit.row}>
            <button
              type="button"
              aria-pressed={hit.inHistory}
              // Not `disabled`: a disabled button would lose the focus that may be on it.
              aria-disabled={isStale}
              onClick={singleClick(() => isStale || onChoose(hit))}
            >
              <Picture row={hit.row} title={hit.title} kind={hit.kind} />
              <span class="name">
                {hit.title}
                <small>{hit.kind}</small>
              </span>
              <span class="state">{hit.inHistory ? t.search.added : t.search.add}</span>
            </button>
          </li>
        ))}
        {hits.length === 0 && <li class="none">{t.search.none}</li>}
      </ul>
    </search>
  );
}

function focusedIn(box: HTMLElement | null): HTMLElement | null {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && box?.contains(focused) ? focused : null;
}

/** Move the focus by one result; the search field comes before the first. */
function step(box: HTMLElement | null, by: number): void {
  const stops = [...(box?.querySelectorAll<HTMLElement>("input, .hits button") ?? [])];
  const focused = focusedIn(box);
  const at = focused === null ? -1 : stops.indexOf(focused);
  stops[Math.max(0, Math.min(stops.length - 1, at + by))]?.focus();
}
