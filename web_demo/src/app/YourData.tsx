import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Traffic } from "../runtime/traffic";
import type { UserData as UserDataSummary } from "../worker/protocol";
import type { CarryProps } from "./CarryHistory";
import { bytes, count } from "./format";
import { Learning, type LearningProps } from "./Learning";
import { OnDemand } from "./OnDemand";
import type { RoundsProps } from "./Rounds";
import { singleClick } from "./singleClick";

interface Props extends CarryProps, LearningProps, RoundsProps {
  readonly userData: UserDataSummary;
  /** Whether something was said, which is kept in memory only. */
  readonly hasTalk: boolean;
  readonly pageKept: boolean;
  readonly traffic: Traffic;
  readonly onDelete: () => Promise<unknown>;
}

/** What this page stores, learns and sends, as measured, and the button that deletes it. */
export function YourData({
  userData,
  hasTalk,
  pageKept,
  traffic,
  learning,
  onDelete,
  onExport,
  onImport,
  onLearning,
  onRounds,
}: Props) {
  const [phase, setPhase] = useState<"idle" | "asking" | "done">("idle");
  const isNothing = userData.events + userData.settings === 0 && !hasTalk;
  const choice = useRef<HTMLButtonElement>(null);
  const before = useRef(phase);
  // The buttons replace each other; move the focus to the new one.
  useLayoutEffect(() => {
    if (before.current !== phase) choice.current?.focus();
    before.current = phase;
  }, [phase]);
  const deleteData = () =>
    onDelete().then(
      () => setPhase("done"),
      () => setPhase("idle"),
    );
  return (
    <section class="your-data" aria-labelledby="your-data-title">
      <h2 id="your-data-title" tabIndex={-1}>
        Your data on this device
      </h2>
      <dl class="figures">
        <Figure
          term="About you"
          value={aboutYou(userData)}
          note={`${bytes(userData.eventBytes)}, only on this device`}
        />
        <Figure
          term="Sent since loading"
          value={bytes(traffic.sentBytes)}
          note={`${count(traffic.requests, "download")}, ${traffic.crossOrigin === 0 ? "none" : traffic.crossOrigin} from other sites`}
        />
        <Figure
          term="Stored in this browser"
          value={userData.storedBytes === null ? "unknown" : bytes(userData.storedBytes)}
          note={storedNote(userData.offline, pageKept)}
        />
      </dl>
      <p class="fine">
        “Sent” counts the body of every request of this page, and everything after a “?” in an address.
      </p>
      <Learning learning={learning} onLearning={onLearning} />
      {learning !== null && (
        <OnDemand
          title="Improve the adapter together"
          load={async () => (await import("./Rounds")).Rounds}
          props={{ onRounds }}
        />
      )}
      <OnDemand
        title="Take my history to another device"
        load={async () => (await import("./CarryHistory")).CarryHistory}
        props={{ onExport, onImport }}
      />
      <div class="delete-data">
        {phase !== "asking" ? (
          <button
            key="ask"
            ref={choice}
            type="button"
            class="secondary"
            // Not `disabled`: a disabled button would lose the focus that returns to it.
            aria-disabled={isNothing}
            onClick={singleClick(() => isNothing || setPhase("asking"))}
          >
            Delete my data
          </button>
        ) : (
          <>
            <p>Delete {toDelete(userData, hasTalk)} permanently?</p>
            <button
              key="delete"
              ref={choice}
              type="button"
              class="danger"
              onClick={singleClick(() => void deleteData())}
            >
              Delete
            </button>
            <button type="button" class="secondary" onClick={() => setPhase("idle")}>
              Cancel
            </button>
          </>
        )}
        <p role="status">{phase === "done" && isNothing ? "Your data has been deleted from this device." : ""}</p>
      </div>
    </section>
  );
}

function storedNote(catalogue: boolean, page: boolean): string {
  if (catalogue && page) return "the catalogue and the page, unpacked, for offline visits";
  if (catalogue) return "the catalogue; this browser did not store the page, so you need a connection to visit it";
  return "not yet everything that an offline visit needs";
}

function aboutYou({ events, settings }: UserDataSummary): string {
  return count(events, "choice") + (settings === 0 ? "" : ` and ${count(settings, "setting")}`);
}

function toDelete(userData: UserDataSummary, hasTalk: boolean): string {
  if (!hasTalk) return aboutYou(userData);
  const stored = userData.events + userData.settings === 0 ? "" : `${aboutYou(userData)}, and `;
  return `${stored}what you said`;
}

function Figure({ term, value, note }: { term: string; value: string; note: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>
        <strong>{value}</strong>
        <small>{note}</small>
      </dd>
    </div>
  );
}
