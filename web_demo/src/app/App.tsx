import { useEffect, useState } from "preact/hooks";
import type { EventName } from "../runtime/constants";
import { DISLIKE, LIKE } from "../runtime/constants";
import type { Card, HistoryEntry, Hit, UserHistory } from "../worker/protocol";
import type { SendRequest, View } from "./client";
import { Header } from "./Header";
import { History } from "./History";
import { wordsOf } from "./kinds";
import { type Hidden, Notices } from "./Notices";
import { PictureSource } from "./Picture";
import { Recommendations } from "./Recommendations";
import { Search } from "./Search";
import { loadParts, t } from "./texts";
import { WhyDialog } from "./WhyDialog";

const NO_HISTORY: UserHistory = { entries: [], hidden: [] };

interface Props {
  readonly view: View;
  readonly request: SendRequest;
  readonly onLanguage: (language: string) => void;
}

/** The page, in reading order. */
export function App({ view, request, onLanguage }: Props) {
  const [explained, setExplained] = useState<Card | null>(null);
  const [hidden, setHidden] = useState<Hidden | null>(null);
  const history = view.history ?? NO_HISTORY;
  const release = view.opening.state === "ready" ? view.opening.release : null;
  const words = wordsOf(release?.kind ?? null);
  // Rendered after the list, which would otherwise push these sections down when it appears.
  const isSettled = view.recommendations.version > 0 || view.opening.state === "failed";
  const [Below, setBelow] = useState<typeof import("./Below").Below | null>(null);
  useEffect(() => {
    if (!isSettled || Below !== null) return;
    void Promise.all([import("./Below"), loadParts()]).then(
      ([module]) => setBelow(() => module.Below),
      () => undefined, // the next list tries again
    );
  }, [isSettled, view.recommendations.version]);
  const addEvent = (itemId: string, event: EventName) => request("addEvent", { itemId, event }).catch(() => undefined);
  const removeEntries = (entries: readonly HistoryEntry[]) => {
    void request("removeEvents", { ids: entries.map(({ id }) => id) }).catch(() => undefined);
  };
  const hide = (card: Card) => {
    const recorded = addEvent(card.itemId, DISLIKE);
    setHidden({ itemId: card.itemId, title: card.title, recorded });
  };
  const undoHide = ({ itemId, recorded }: Hidden) =>
    void recorded.then(() => request("unhide", { itemId })).catch(() => undefined);
  const toggle = (hit: Hit) => {
    if (hit.inHistory)
      removeEntries([...history.entries, ...history.hidden].filter(({ itemId }) => itemId === hit.itemId));
    else void addEvent(hit.itemId, LIKE);
  };
  return (
    <PictureSource request={request} release={release}>
      <div class="page">
        <a class="skip" href="#recommendations-title">
          {t.skip}
        </a>
        <Header view={view} />
        <main>
          <section class="intro" aria-labelledby="intro-title">
            <h1 id="intro-title">{t.title}</h1>
            <p class="lead">{t.lead}</p>
            <Search
              request={request}
              ready={view.opening.state === "ready"}
              words={words}
              history={history}
              onChoose={toggle}
            />
          </section>
          <History history={view.history} words={words} onRemove={removeEntries} />
          <Recommendations
            view={view}
            request={request}
            words={words}
            onMore={(card) => void addEvent(card.itemId, LIKE)}
            onHide={hide}
            onWhy={setExplained}
            onDiversity={(diversity) => void request("setDiversity", { diversity }).catch(() => undefined)}
            onRetry={() => location.reload()}
          />
          {isSettled && Below && <Below view={view} request={request} onLanguage={onLanguage} />}
        </main>
        <Notices
          view={view}
          hidden={hidden}
          onUndo={undoHide}
          onDone={() => setHidden(null)}
          onUpdate={() => void request("useUpdate", null).catch(() => undefined)}
        />
        <WhyDialog
          card={explained && (view.recommendations.cards.find(({ row }) => row === explained.row) ?? explained)}
          request={request}
          onClose={() => setExplained(null)}
        />
      </div>
    </PictureSource>
  );
}
