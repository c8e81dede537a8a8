import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Examples, TalkView } from "../worker/protocol";
import type { SendRequest } from "./client";
import { singleClick } from "./singleClick";
import { language, t } from "./texts";
import { spaced } from "./writing";

/** As the runtime's `MAX_CHARACTERS`, whose code is loaded later. */
const MAX_CHARACTERS = 300;

interface Props {
  readonly request: SendRequest;
  readonly talk: TalkView | null;
  readonly ready: boolean;
}

/** A field for what the user wants in words, the answer, and what was said so far; the list follows it. */
export function Say({ request, talk, ready }: Props) {
  const [text, setText] = useState("");
  const [examples, setExamples] = useState<Examples | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  /** Place of the button that was used last. */
  const used = useRef<number | null>(null);
  useLayoutEffect(() => {
    const place = used.current;
    used.current = null;
    if (place === null || box.current?.contains(document.activeElement)) return;
    const buttons = box.current?.querySelectorAll<HTMLElement>(".chips .remove") ?? [];
    (buttons[Math.min(place, buttons.length - 1)] ?? input.current)?.focus({ preventScroll: true });
  }, [talk]);
  const spoken = language();
  useEffect(() => setExamples(null), [spoken]);
  const listen = () => {
    if (examples !== null && examples.texts.length > 0) return;
    void request("listen", null).then(setExamples, () => undefined);
  };
  const say = (said: string) =>
    void request("say", { text: said }).then(
      () => setText((now) => (now === said ? "" : now)),
      () => undefined, // what was typed stays
    );
  const takeBack = (chip: string | null, place: number) => {
    used.current = place;
    void request("takeBack", { chip }).catch(() => undefined);
  };
  // What only repeats the chips is for those who do not see them appear.
  const { answer = "", repeats = "" } = talk ?? {};
  const [before = "", after = ""] = repeats === "" ? [answer] : answer.split(repeats);
  const isNews = `${before}${after}`.trim() !== "";
  return (
    <div class="say" ref={box}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") say(text);
        }}
      >
        <label class="unseen" for="say-text">
          {t.say.label}
        </label>
        <input
          id="say-text"
          ref={input}
          type="text"
          placeholder={examples?.texts.join(", ") || t.say.label}
          lang={examples?.language}
          autocomplete="off"
          enterkeyhint="send"
          maxLength={MAX_CHARACTERS}
          value={text}
          disabled={!ready}
          aria-describedby="say-answer"
          onFocus={listen}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <button type="submit" class="more" disabled={!ready}>
          {t.say.send}
        </button>
      </form>
      <p id="say-answer" class={isNews ? "answer" : "unseen"} role="status" lang={talk?.language}>
        {before}
        {repeats !== "" && <span class="unseen">{repeats}</span>}
        {after}
      </p>
      {talk !== null && talk.options.length > 0 && (
        // biome-ignore lint/a11y/useSemanticElements: the replies are no fields of a form.
        <div class="said" role="group" aria-label={t.say.replies}>
          {talk.options.map((option) => (
            <button
              key={option}
              type="button"
              class="quiet"
              lang={talk.language}
              onClick={singleClick(() => {
                used.current = 0;
                say(option);
              })}
            >
              {option}
            </button>
          ))}
        </div>
      )}
      {talk !== null && (talk.chips.length > 0 || talk.canUndo) && (
        <div class="said">
          {talk.chips.length > 0 && <Chips talk={talk} onTakeBack={takeBack} />}
          {talk.canUndo && (
            <button type="button" class="link" onClick={singleClick(() => takeBack(null, 0))}>
              {t.undo}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** A chip; if its text stands for more, a press shows all of it. */
function Chip({ text, details, language }: { text: string; details: string; language: string }) {
  const [open, setOpen] = useState(false);
  if (details === "") return <span lang={language}>{text}</span>;
  return (
    <button
      type="button"
      class="text"
      lang={language}
      title={details}
      aria-expanded={open}
      onClick={() => setOpen(!open)}
    >
      {open ? details : text}
    </button>
  );
}

function Chips({ talk, onTakeBack }: { talk: TalkView; onTakeBack: (chip: string, place: number) => void }) {
  return (
    <ul class="chips" aria-label={t.say.counts}>
      {talk.chips.map(({ id, text, details }, place) => (
        <li key={id}>
          <Chip text={text} details={details} language={talk.language} />
          <button type="button" class="remove" onClick={singleClick(() => onTakeBack(id, place))}>
            <span class="unseen">
              {spaced(t.say.takeBack)}
              <span lang={talk.language}>{text}</span>
            </span>
            <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
              <path d="M3 3l10 10M13 3L3 13" />
            </svg>
          </button>
        </li>
      ))}
    </ul>
  );
}
