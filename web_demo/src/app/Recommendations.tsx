import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Card as CardData } from "../worker/protocol";
import { Card } from "./Card";
import type { SendRequest, View } from "./client";
import { DiversitySlider } from "./DiversitySlider";
import { useFlip } from "./flip";
import type { KindWords } from "./kinds";
import { OpeningError } from "./OpeningError";
import { Say } from "./Say";
import { bytes, fill, listed, loadParts, plural, t } from "./texts";
import { spaced } from "./writing";

const N_STARTERS = 6;
const N_CARDS = 12;

interface Props {
  readonly view: View;
  readonly request: SendRequest;
  readonly words: KindWords;
  readonly onMore: (card: CardData) => void;
  readonly onHide: (card: CardData) => void;
  readonly onWhy: (card: CardData) => void;
  readonly onDiversity: (diversity: number) => void;
  readonly onRetry: () => void;
}

/** The recommendations; skeletons while they load, or why the catalogue could not be opened. */
export function Recommendations({ view, request, words, onMore, onHide, onWhy, onDiversity, onRetry }: Props) {
  const { recommendations, opening } = view;
  const list = useRef<HTMLUListElement>(null);
  const used = useRef<Used | null>(null);
  const canWrite = ["starting", "ready"].includes(view.language.state);
  const [written, setWritten] = useState<typeof import("./ListText") | null>(null);
  useEffect(() => {
    if (canWrite)
      void Promise.all([import("./ListText"), loadParts()]).then(
        ([module]) => setWritten(module),
        () => undefined,
      );
  }, [canWrite]);
  useFlip(list, recommendations.version);
  useLayoutEffect(() => keepFocus(list.current, used), [recommendations.version]);
  if (opening.state === "failed") {
    return <OpeningError cause={opening.cause} why={opening.why} nChoices={nChoicesOf(view)} onRetry={onRetry} />;
  }
  const isStart = view.history !== null && view.history.entries.length === 0;
  const isWaiting = recommendations.version === 0;
  const nSkeletons = !isWaiting || view.history === null ? 0 : isStart ? N_STARTERS : N_CARDS;
  const act = (index: number, action: string, then: (card: CardData) => void) => (card: CardData) => {
    used.current = { row: card.row, index, action };
    then(card);
  };
  return (
    <section class="recommendations" aria-labelledby="recommendations-title">
      <div class="above">
        <div class="heading">
          <h2 id="recommendations-title" tabIndex={-1}>
            {isStart ? words.popular : t.list.title}
          </h2>
          {/* Room for the longest hint, so that the list does not move when the hint changes. */}
          <p class="hint" data-longest={t.list.choose}>
            <span>
              {hintOf(view, isStart)} {written?.writeButton(view, request)}
            </span>
          </p>
        </div>
        <DiversitySlider diversity={view.diversity} ready={recommendations.version > 0} onChange={onDiversity} />
      </div>
      <Say request={request} talk={view.talk} ready={recommendations.version > 0} />
      {written?.listText(view)}
      <ul
        class={isStart ? "cards start" : "cards"}
        ref={list}
        aria-busy={isWaiting}
        data-explained={recommendations.explained}
      >
        {Array.from({ length: nSkeletons }, (_, index) => (
          <Skeleton key={`skeleton-${index}`} />
        ))}
        {recommendations.cards.map((card, index) => (
          <li key={card.row} data-key={card.row}>
            <Card card={card} onMore={act(index, "more", onMore)} onHide={act(index, "hide", onHide)} onWhy={onWhy} />
          </li>
        ))}
      </ul>
      {recommendations.version > 0 && recommendations.cards.length === 0 && (
        <p class="empty">
          {(view.talk?.chips ?? []).length > 0 ? t.list.emptySaid : `${spaced(words.seenAll)}${t.list.emptyMore}`}
        </p>
      )}
      <p class="unseen" role="status">
        {recommendations.version > 1 ? announcement(recommendations.cards) : ""}
      </p>
    </section>
  );
}

function nChoicesOf({ history }: View): number {
  return history === null ? 0 : history.entries.length + history.hidden.length;
}

/** The button that was used last. */
interface Used {
  readonly row: number;
  readonly index: number;
  readonly action: string;
}

/** Move the focus from a card that has left the list to the card that took its position. */
function keepFocus(list: HTMLUListElement | null, used: { current: Used | null }): void {
  if (used.current === null || list === null) return;
  const { row, index, action } = used.current;
  // A list that was requested before the click still contains the card.
  if (list.querySelector(`[data-key="${row}"]`) !== null) return;
  used.current = null;
  if (document.activeElement !== null && document.activeElement !== document.body) return;
  const child = list.children[Math.min(index, list.children.length - 1)];
  child?.querySelector<HTMLElement>(`[data-action="${action}"]`)?.focus({ preventScroll: true });
}

function hintOf({ opening, language, recommendations }: View, isStart: boolean): string {
  if (recommendations.version === 0) {
    return opening.state === "opening" && opening.bytes !== null
      ? fill(t.list.downloadingSize, { size: bytes(opening.bytes) })
      : t.list.downloading;
  }
  if (isStart) return t.list.choose;
  if (language.state === "fetching")
    return fill(t.list.descriptions, { received: bytes(language.received), total: bytes(language.total) });
  if (language.state === "starting") return t.list.preparing;
  return recommendations.by === "popularity" ? t.list.popular : t.list.basedOn;
}

function announcement(cards: readonly CardData[]): string {
  const titles = listed(cards.slice(0, 3).map(({ title }) => title));
  return plural(t.list.changed, cards.length, { titles });
}

function Skeleton() {
  return (
    <li aria-hidden="true">
      <div class="card skeleton">
        <div class="picture" />
        <div class="body">
          <p class="title" />
          <p class="reason" />
          <div class="actions" />
        </div>
      </div>
    </li>
  );
}
