import { useEffect, useRef, useState } from "preact/hooks";
import type { Manner } from "../runtime/reasons/explainer";
import type { Card, Why } from "../worker/protocol";
import type { SendRequest } from "./client";
import { Picture } from "./Picture";
import { Reason } from "./Reason";

/** With the labels of the choice; the first one is the default. */
const MANNERS: readonly (Manner & { readonly label: string })[] = [
  { style: "short", tone: "casual", label: "Short and casual" },
  { style: "short", tone: "formal", label: "Short and formal" },
  { style: "detailed", tone: "casual", label: "Detailed and casual" },
  { style: "detailed", tone: "formal", label: "Detailed and formal" },
];

interface Props {
  /** As the list shows it now. */
  readonly card: Card | null;
  readonly request: SendRequest;
  readonly onClose: () => void;
}

/** Why one item was recommended: what speaks for it, how the order is computed, and how reasons are said. */
export function WhyDialog({ card, request, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [why, setWhy] = useState<Why | null>(null);
  const row = card?.row ?? null;
  useEffect(() => {
    setWhy(null);
    if (row === null) return;
    dialog.current?.showModal();
    void request("why", { row }).then(setWhy, () => undefined);
  }, [row, request]);
  const choose = (label: string) => {
    const chosen = MANNERS.find((manner) => manner.label === label);
    if (chosen === undefined || row === null) return;
    const { style, tone } = chosen;
    void request("setManner", { style, tone })
      .then(() => request("why", { row }))
      .then(setWhy, () => undefined);
  };
  const language = why?.language ?? card?.reason?.language;
  return (
    <dialog
      class="why"
      ref={dialog}
      aria-labelledby="why-title"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      {card !== null && (
        <div class="inside">
          <div class="head">
            <Picture row={card.row} title={card.title} kind={card.kind} />
            <h2 id="why-title">Why “{card.title.replace(/["“”„]/g, "'")}”?</h2>
          </div>
          <p class="reason" lang={language}>
            {card.reason === null ? why?.nothing : <Reason pieces={card.reason.pieces} />}
          </p>
          {why !== null && why.others.length > 0 && (
            <>
              <h3>What else speaks for it</h3>
              <ul class="facts" lang={language}>
                {why.others.map((pieces, index) => (
                  <li key={index}>
                    <Reason pieces={pieces} />
                  </li>
                ))}
              </ul>
            </>
          )}
          <p class="fine">
            {why === null ? "" : `It is number ${why.position} in the list. `}
            The order is learned from which items shoppers choose after one another. A reason names those of your
            choices without which the item would rank lower, and states only facts. Both were computed on this device.
          </p>
          <div class="foot">
            <label>
              <span>Reasons</span>
              <select
                value={
                  MANNERS.find(({ style, tone }) => style === why?.manner.style && tone === why.manner.tone)?.label
                }
                disabled={why === null}
                onChange={({ currentTarget }) => choose(currentTarget.value)}
              >
                {MANNERS.map(({ label }) => (
                  <option key={label}>{label}</option>
                ))}
              </select>
            </label>
            <button type="button" class="primary" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
        </div>
      )}
    </dialog>
  );
}
