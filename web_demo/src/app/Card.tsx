import type { Card as CardData } from "../worker/protocol";
import { shortened } from "./format";
import { Picture } from "./Picture";
import { Reason } from "./Reason";
import { singleClick } from "./singleClick";
import { fill, t } from "./texts";

/** Characters, a few lines of a card. The "Why?" dialog and the buttons' labels have the full title. */
const MAX_TITLE = 80;

interface Props {
  readonly card: CardData;
  readonly onMore: (card: CardData) => void;
  readonly onHide: (card: CardData) => void;
  readonly onWhy: (card: CardData) => void;
}

/** One recommendation: picture, title, the reason for it if there is one, and its buttons. */
export function Card({ card, onMore, onHide, onWhy }: Props) {
  return (
    <article class="card">
      <Picture row={card.row} title={card.title} kind={card.kind} />
      <div class="body">
        <h3 class="title" title={card.title}>
          {shortened(card.title, MAX_TITLE)}
        </h3>
        <p class="reason" lang={card.reason?.language}>
          {card.reason && <Reason pieces={card.reason.pieces} />}
        </p>
        <div class="actions">
          <Action action="more" card={card} onUse={onMore} />
          <Action action="hide" card={card} onUse={onHide} />
          <Action action="why" card={card} onUse={onWhy} />
        </div>
      </div>
    </article>
  );
}

interface ActionProps {
  readonly action: "more" | "hide" | "why";
  readonly card: CardData;
  readonly onUse: (card: CardData) => void;
}

/** One of a card's buttons. Its label includes the title, because screen readers can list all buttons of a page. */
function Action({ action, card, onUse }: ActionProps) {
  return (
    <button
      type="button"
      class={action === "more" ? "more" : "quiet"}
      data-action={action}
      aria-label={fill(t.card[`${action}Title`], { title: card.title })}
      aria-haspopup={action === "why" ? "dialog" : undefined}
      onClick={singleClick(() => onUse(card))}
    >
      {t.card[action]}
    </button>
  );
}
