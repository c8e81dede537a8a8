import { useEffect, useState } from "preact/hooks";
import type { RoundsAction, RoundsView } from "../worker/protocol";
import { count } from "./format";
import { singleClick } from "./singleClick";

export interface RoundsProps {
  readonly onRounds: (action: RoundsAction) => Promise<RoundsView | null>;
}

/** The switch of rounds, what would be sent, and what was sent. */
export function Rounds({ onRounds }: RoundsProps) {
  const [view, setView] = useState<RoundsView | null>(null);
  const [doing, setDoing] = useState("Looking for a round.");
  const act = (action: RoundsAction, what: string) => {
    setDoing(what);
    // The box shows the choice at once, not when the answer comes.
    if (action === "on" || action === "off")
      setView((before) => before && { ...before, isOn: action === "on", words: [] });
    onRounds(action).then(
      (next) => {
        setView(next);
        setDoing(next === null ? "The release in use takes part in no rounds." : "");
      },
      (error: unknown) => setDoing(String(error)),
    );
  };
  useEffect(() => act("look", "Looking for a round."), []);
  return (
    <div class="rounds">
      <p class="fine">
        In a round, devices train the common adapter on their own choices and send the change, hidden in random noise,
        to be added up. It is off unless you switch it on, and nothing is sent before you have seen it and clicked.
      </p>
      {view !== null && <Taking view={view} act={act} isBusy={doing !== ""} />}
      <p role="status">{doing || view?.problem}</p>
    </div>
  );
}

interface TakingProps {
  readonly view: RoundsView;
  readonly act: (action: RoundsAction, what: string) => void;
  readonly isBusy: boolean;
}

function Taking({ view: { isOn, words, upload, receipts }, act, isBusy }: TakingProps) {
  const button = (label: string, action: RoundsAction, what: string) => (
    <button
      type="button"
      class="secondary"
      aria-disabled={isBusy}
      onClick={singleClick(() => isBusy || act(action, what))}
    >
      {label}
    </button>
  );
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={isOn}
          onChange={({ currentTarget }) => act(currentTarget.checked ? "on" : "off", "Looking for a round.")}
        />
        Take part in rounds
      </label>
      {words.map((text) => (
        <p key={text} class="fine">
          {text}
        </p>
      ))}
      {words.length > 0 &&
        upload === null &&
        button("Compute what would be sent", "prepare", "Training on this device.")}
      {upload !== null && (
        <>
          <details>
            <summary>What is sent, {count(upload.length / 2, "byte")}</summary>
            <code class="upload">{upload}</code>
          </details>
          {button("Send it once", "send", "Sending.")}
        </>
      )}
      {receipts.length > 0 && (
        <ul class="receipts" aria-label="Rounds of this browser">
          {receipts.map((text) => (
            <li key={text} class="fine">
              {text}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
