import { useState } from "preact/hooks";
import type { EventName } from "../runtime/events";
import type { Card, HistoryEntry, Hit, Marks } from "../worker/protocol";
import type { SendRequest, View } from "./client";
import { Header } from "./Header";
import { History } from "./History";
import { Hood } from "./Hood";
import { Knows } from "./Knows";
import { type Hidden, Notices } from "./Notices";
import { PictureSource } from "./Picture";
import { Search } from "./Search";
import { Shelf } from "./Shelf";
import { WhyDialog } from "./WhyDialog";

const NO_MARKS: Marks = { entries: [], hidden: [] };

/** The page, in reading order. */
export function App({ view, request }: { view: View; request: SendRequest }) {
  const [explained, setExplained] = useState<Card | null>(null);
  const [hidden, setHidden] = useState<Hidden | null>(null);
  const marks = view.marks ?? NO_MARKS;
  // Rendered after the list, which would otherwise push these sections down when it appears.
  const isSettled = view.shelf.version > 0 || view.opening.state === "failed";
  const mark = (itemId: string, event: EventName) => void request("mark", { itemId, event }).catch(() => undefined);
  const unmark = (entries: readonly HistoryEntry[]) => {
    void request("unmark", { ids: entries.map(({ id }) => id) }).catch(() => undefined);
  };
  const hide = (card: Card) => {
    mark(card.itemId, "dislike");
    setHidden({ itemId: card.itemId, title: card.title });
  };
  const undoHide = (itemId: string) => unmark(marks.hidden.filter((entry) => entry.itemId === itemId));
  const toggle = (hit: Hit) => {
    if (hit.marked) unmark([...marks.entries, ...marks.hidden].filter(({ itemId }) => itemId === hit.itemId));
    else mark(hit.itemId, "like");
  };
  return (
    <PictureSource request={request} release={view.opening.state === "ready" ? view.opening.release : null}>
      <div class="page">
        <a class="skip" href="#shelf-title">
          Skip to the list
        </a>
        <Header view={view} />
        <main>
          <section class="intro" aria-labelledby="intro-title">
            <h1 id="intro-title">A shop that learns from you</h1>
            <p class="lead">
              Choose what you like and the list changes at once. It all happens on this device: nothing you do is sent
              anywhere.
            </p>
            <Search request={request} ready={view.opening.state === "ready"} marks={marks} onChoose={toggle} />
          </section>
          <History marks={view.marks} onRemove={unmark} />
          <Shelf
            view={view}
            onMore={(card) => mark(card.itemId, "like")}
            onHide={hide}
            onWhy={setExplained}
            onVary={(variety) => void request("vary", { variety }).catch(() => undefined)}
            onRetry={() => location.reload()}
          />
          {isSettled && (
            <>
              <Knows
                knows={view.knows}
                pageKept={view.pageKept}
                traffic={view.traffic}
                onForget={() => request("forget", null)}
              />
              <Hood view={view} onCheck={() => void request("checkUpdate", null).catch(() => undefined)} />
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
        <WhyDialog card={explained} request={request} onClose={() => setExplained(null)} />
      </div>
    </PictureSource>
  );
}
