import { useState } from "preact/hooks";
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
import { TechnicalDetails } from "./TechnicalDetails";
import { WhyDialog } from "./WhyDialog";
import { YourData } from "./YourData";

const NO_HISTORY: UserHistory = { entries: [], hidden: [] };

/** The page, in reading order. */
export function App({ view, request }: { view: View; request: SendRequest }) {
  const [explained, setExplained] = useState<Card | null>(null);
  const [hidden, setHidden] = useState<Hidden | null>(null);
  const history = view.history ?? NO_HISTORY;
  const release = view.opening.state === "ready" ? view.opening.release : null;
  const words = wordsOf(release?.kind ?? null);
  // Rendered after the list, which would otherwise push these sections down when it appears.
  const isSettled = view.recommendations.version > 0 || view.opening.state === "failed";
  const addEvent = (itemId: string, event: EventName) =>
    void request("addEvent", { itemId, event }).catch(() => undefined);
  const removeEntries = (entries: readonly HistoryEntry[]) => {
    void request("removeEvents", { ids: entries.map(({ id }) => id) }).catch(() => undefined);
  };
  const hide = (card: Card) => {
    addEvent(card.itemId, DISLIKE);
    setHidden({ itemId: card.itemId, title: card.title });
  };
  const undoHide = (itemId: string) => removeEntries(history.hidden.filter((entry) => entry.itemId === itemId));
  const toggle = (hit: Hit) => {
    if (hit.inHistory)
      removeEntries([...history.entries, ...history.hidden].filter(({ itemId }) => itemId === hit.itemId));
    else addEvent(hit.itemId, LIKE);
  };
  return (
    <PictureSource request={request} release={release}>
      <div class="page">
        <a class="skip" href="#recommendations-title">
          Skip to the list
        </a>
        <Header view={view} />
        <main>
          <section class="intro" aria-labelledby="intro-title">
            <h1 id="intro-title">A list that adapts to you</h1>
            <p class="lead">
              Choose what you like and the list changes at once. It all happens on this device: nothing is sent anywhere
              unless you ask for it.
            </p>
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
            onMore={(card) => addEvent(card.itemId, LIKE)}
            onHide={hide}
            onWhy={setExplained}
            onDiversity={(diversity) => void request("setDiversity", { diversity }).catch(() => undefined)}
            onRetry={() => location.reload()}
          />
          {isSettled && (
            <>
              <YourData
                userData={view.userData}
                hasTalk={view.talk !== null}
                pageKept={view.pageKept}
                traffic={view.traffic}
                learning={view.learning}
                onDelete={() => request("deleteData", null)}
                onExport={(passphrase) => request("exportHistory", { passphrase })}
                onLearning={(on) => void request("setLearning", { on }).catch(() => undefined)}
                onRounds={(action) => request("rounds", { action })}
                onImport={(file, passphrase) => request("importHistory", { file, passphrase })}
              />
              <TechnicalDetails
                view={view}
                onCheck={() => void request("checkUpdate", null).catch(() => undefined)}
                onProfile={() => request("profile", null)}
              />
            </>
          )}
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
