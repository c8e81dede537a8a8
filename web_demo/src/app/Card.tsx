import type { Card as CardData } from "../worker/protocol";
import { shortened } from "./format";
import { once } from "./once";
import { Picture } from "./Picture";
import { Reason } from "./Reason";

/** Characters: some lines of a card. "Why?" has the whole title, and the buttons' names have it too. */
const MAX_TITLE = 80;

interface Props {
  readonly card: CardData;
  readonly onMore: (card: CardData) => void;
  readonly onHide: (card: CardData) => void;
  readonly onWhy: (card: CardData) => void;
}

/** One recommendation: what it is, one true sentence why, and what one can do about it. */
export function Card({ card, onMore, onHide, onWhy }: Props) {
  return (
    <article class="card">
      <Picture row={card.row} title={card.title} kind={card.kind} />
      <div class="body">
        <h3 class="title" title={card.title}>
          {shortened(card.title, MAX_TITLE)}
        </h3>
        <p class="reason">
          <Reason pieces={card.reason} />
        </p>
        <div class="actions">
          <Action action="more" label="More like this" card={card} onUse={onMore} />
          <Action action="hide" label="Not for me" card={card} onUse={onHide} />
          <Action action="why" label="Why?" card={card} onUse={onWhy} />
        </div>
      </div>
    </article>
  );
}

interface ActionProps {
  readonly action: "more" | "hide" | "why";
  readonly label: string;
  readonly card: CardData;
  readonly onUse: (card: CardData) => void;
}

/** One of a card's buttons; its name says which card, because a screen reader may list all buttons of the page. */
function Action({ action, label, card, onUse }: ActionProps) {
  return (
    <button
      type="button"
      class={action === "more" ? "more" : "quiet"}
      data-action={action}
      aria-label={`${label}${label.endsWith("?") ? "" : ":"} ${card.title}`}
      aria-haspopup={action === "why" ? "dialog" : undefined}
      onClick={once(() => onUse(card))}
    >
      {label}
    </button>
  );
}
