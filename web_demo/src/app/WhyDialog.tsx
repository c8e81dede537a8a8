import { useEffect, useRef, useState } from "preact/hooks";
import { clean } from "../runtime/reasons/quoting";
import type { Card, Why } from "../worker/protocol";
import type { SendRequest } from "./client";
import { Picture } from "./Picture";
import { Reason } from "./Reason";

/** Why one item was recommended: all facts about it, and how the order is computed. */
export function WhyDialog({
  card,
  request,
  onClose,
}: {
  card: Card | null;
  request: SendRequest;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [why, setWhy] = useState<Why | null>(null);
  useEffect(() => {
    if (card === null) return;
    dialog.current?.showModal();
    setWhy(null);
    void request("why", { row: card.row })
      .then(setWhy)
      .catch(() => undefined);
  }, [card, request]);
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
            <h2 id="why-title">Why “{clean(card.title)}”?</h2>
          </div>
          <p class="reason">
            <Reason pieces={card.reason} />
          </p>
          <h3>Why it is in the list</h3>
          <ul class="facts">
            {why?.facts.map((pieces, index) => (
              <li key={index}>
                It <Reason pieces={pieces} />.
              </li>
            ))}
            {why !== null && why.facts.length === 0 && <li>Nothing is known about this item.</li>}
          </ul>
          <p class="fine">
            {why === null ? "" : `It is number ${why.position} in the list. `}
            The order is learned from which items shoppers choose after one another. The reason states only facts about
            the item and your choices. Both were computed on this device.
          </p>
          <button type="button" class="primary" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      )}
    </dialog>
  );
}
