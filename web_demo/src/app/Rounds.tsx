import { useEffect, useState } from "preact/hooks";
import type { RoundsAction, RoundsView } from "../worker/protocol";
import { ENGLISH, parts, plural, spaced } from "./partTexts";
import { problemText, receiptText, termsText } from "./roundsText";
import { singleClick } from "./singleClick";

export interface RoundsProps {
  readonly onRounds: (action: RoundsAction) => Promise<RoundsView | null>;
}

/** The switch of rounds, what would be sent, and what was sent. */
export function Rounds({ onRounds }: RoundsProps) {
  const [view, setView] = useState<RoundsView | null>(null);
  const [doing, setDoing] = useState(parts.rounds.looking);
  const act = (action: RoundsAction, what: string) => {
    setDoing(what);
    // The box shows the choice at once, not when the answer comes.
    if (action === "on" || action === "off")
      setView((before) => before && { ...before, isOn: action === "on", terms: null });
    onRounds(action).then(
      (next) => {
        setView(next);
        setDoing(next === null ? parts.rounds.noRounds : "");
      },
      (error: unknown) => setDoing(String(error)),
    );
  };
  useEffect(() => act("look", parts.rounds.looking), []);
  return (
    <div class="rounds">
      <p class="fine">{parts.rounds.what}</p>
      {view !== null && <Taking view={view} act={act} isBusy={doing !== ""} />}
      <p role="status">
        {spaced(doing || (view?.problem ? problemText(view.problem) : ""))}
        {doing === "" && view?.problem && view.problem.why !== "" && <span lang={ENGLISH}>{view.problem.why}</span>}
      </p>
    </div>
  );
}

interface TakingProps {
  readonly view: RoundsView;
  readonly act: (action: RoundsAction, what: string) => void;
  readonly isBusy: boolean;
}

function Taking({ view: { isOn, terms, upload, receipts }, act, isBusy }: TakingProps) {
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
          onChange={({ currentTarget }) => act(currentTarget.checked ? "on" : "off", parts.rounds.looking)}
        />
        {parts.rounds.switch}
      </label>
      {terms !== null &&
        termsText(terms).map((text) => (
          <p key={text} class="fine">
            {text}
          </p>
        ))}
      {terms !== null && upload === null && button(parts.rounds.compute, "prepare", parts.rounds.training)}
      {upload !== null && (
        <>
          <details>
            <summary>{plural(parts.rounds.sent, upload.length / 2)}</summary>
            <code class="upload">{upload}</code>
          </details>
          {button(parts.rounds.send, "send", parts.rounds.sending)}
        </>
      )}
      {receipts.length > 0 && (
        <ul class="receipts" aria-label={parts.rounds.receipts}>
          {receipts.map((receipt) => (
            <li key={`${receipt.round} ${receipt.time}`} class="fine">
              {receiptText(receipt)}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
