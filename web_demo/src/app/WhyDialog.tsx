import { useEffect, useRef, useState } from "preact/hooks";
import type { Manner } from "../runtime/reasons/explainer";
import type { Card, Why } from "../worker/protocol";
import type { SendRequest } from "./client";
import { Picture } from "./Picture";
import { Reason } from "./Reason";
import { fill, t } from "./texts";
import { spaced } from "./writing";

type MannerName = "shortCasual" | "shortFormal" | "detailedCasual" | "detailedFormal";

/** With the name of the text that is its label; the first one is the default. */
const MANNERS: readonly (Manner & { readonly name: MannerName })[] = [
  { style: "short", tone: "casual", name: "shortCasual" },
  { style: "short", tone: "formal", name: "shortFormal" },
  { style: "detailed", tone: "casual", name: "detailedCasual" },
  { style: "detailed", tone: "formal", name: "detailedFormal" },
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
  const choose = (name: string) => {
    const chosen = MANNERS.find((manner) => manner.name === name);
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
            <h2 id="why-title">{fill(t.why.title, { title: card.title.replace(/["“”„«»]/g, "'") })}</h2>
          </div>
          <p class="reason" lang={language}>
            {card.reason === null ? why?.nothing : <Reason pieces={card.reason.pieces} />}
          </p>
          {why !== null && why.others.length > 0 && (
            <>
              <h3>{t.why.others}</h3>
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
            {why === null ? "" : spaced(fill(t.why.position, { n: why.position }))}
            {t.why.how}
          </p>
          <div class="foot">
            <label>
              <span>{t.why.reasons}</span>
              <select
                value={MANNERS.find(({ style, tone }) => style === why?.manner.style && tone === why.manner.tone)?.name}
                disabled={why === null}
                onChange={({ currentTarget }) => choose(currentTarget.value)}
              >
                {MANNERS.map(({ name }) => (
                  <option key={name} value={name}>
                    {t.why[name]}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" class="primary" onClick={() => dialog.current?.close()}>
              {t.why.close}
            </button>
          </div>
        </div>
      )}
    </dialog>
  );
}
