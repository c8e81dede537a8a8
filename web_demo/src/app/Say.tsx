import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { TalkView } from "../worker/protocol";
import type { SendRequest } from "./client";
import { singleClick } from "./singleClick";

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
  const [examples, setExamples] = useState<readonly string[]>([]);
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
  const listen = () => {
    if (examples.length > 0) return;
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
  return (
    <div class="say" ref={box}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") say(text);
        }}
      >
        <label class="unseen" for="say-text">
          Say what you want, or do not want
        </label>
        <input
          id="say-text"
          ref={input}
          type="text"
          placeholder={
            examples.length > 0 ? `For example: ${examples.join(", ")}` : "Say what you want, or do not want"
          }
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
          Say it
        </button>
      </form>
      <p id="say-answer" class="answer" role="status" lang={talk?.language}>
        {talk?.answer}
      </p>
      {talk !== null && (
        <div class="said" lang={talk.language}>
          {talk.options.map((option, place) => (
            <button
              key={option}
              type="button"
              class="quiet"
              onClick={singleClick(() => {
                used.current = place;
                say(option);
              })}
            >
              {option}
            </button>
          ))}
          {talk.chips.length > 0 && (
            <ul class="chips" aria-label="What counts" lang="en">
              {talk.chips.map(({ id, kind, text }, place) => (
                <li key={id} class={kind}>
                  <span lang={talk.language}>{text}</span>
                  <button
                    type="button"
                    class="remove"
                    aria-label={`Take back: ${text}`}
                    onClick={singleClick(() => takeBack(id, place))}
                  >
                    <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
                      <path d="M3 3l10 10M13 3L3 13" />
                    </svg>
                  </button>
                </li>
              ))}
            </ul>
          )}
          {talk.canUndo && (
            <button type="button" class="link" lang="en" onClick={singleClick(() => takeBack(null, 0))}>
              Undo
            </button>
          )}
        </div>
      )}
    </div>
  );
}
