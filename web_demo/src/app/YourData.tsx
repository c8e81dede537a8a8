import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Traffic } from "../runtime/traffic";
import type { UserData as UserDataSummary } from "../worker/protocol";
import type { CarryProps } from "./CarryHistory";
import { Learning, type LearningProps } from "./Learning";
import { OnDemand } from "./OnDemand";
import { bytes, fill, number, parts, plural } from "./partTexts";
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
        {parts.data.title}
      </h2>
      <dl class="figures">
        <Figure
          term={parts.data.aboutYou}
          value={aboutYou(userData)}
          note={fill(parts.data.onlyHere, { size: bytes(userData.eventBytes) })}
        />
        <Figure
          term={parts.data.sent}
          value={bytes(traffic.sentBytes)}
          note={plural(parts.data.downloads, traffic.requests, {
            others: traffic.crossOrigin === 0 ? parts.data.none : number(traffic.crossOrigin),
          })}
        />
        <Figure
          term={parts.data.stored}
          value={userData.storedBytes === null ? parts.data.unknown : bytes(userData.storedBytes)}
          note={storedNote(userData.offline, pageKept)}
        />
      </dl>
      <p class="fine">{parts.data.whatIsSent}</p>
      <Learning learning={learning} onLearning={onLearning} />
      {learning !== null && (
        <OnDemand title={parts.data.rounds} load={async () => (await import("./Rounds")).Rounds} props={{ onRounds }} />
      )}
      <OnDemand
        title={parts.data.carry}
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
            {parts.data.delete}
          </button>
        ) : (
          <>
            <p>{question(userData, hasTalk)}</p>
            <button
              key="delete"
              ref={choice}
              type="button"
              class="danger"
              onClick={singleClick(() => void deleteData())}
            >
              {parts.data.confirm}
            </button>
            <button type="button" class="secondary" onClick={() => setPhase("idle")}>
              {parts.data.cancel}
            </button>
          </>
        )}
        <p role="status">{phase === "done" && isNothing ? parts.data.deleted : ""}</p>
      </div>
    </section>
  );
}

function storedNote(catalogue: boolean, page: boolean): string {
  if (catalogue && page) return parts.data.storedAll;
  return catalogue ? parts.data.storedCatalogue : parts.data.storedPart;
}

function aboutYou({ events, settings }: UserDataSummary): string {
  const choices = plural(parts.data.choices, events);
  return settings === 0 ? choices : fill(parts.data.both, { choices, settings: plural(parts.data.settings, settings) });
}

function question(userData: UserDataSummary, hasTalk: boolean): string {
  if (hasTalk && userData.events + userData.settings === 0) return parts.data.askSaid;
  return fill(hasTalk ? parts.data.askBoth : parts.data.ask, { data: aboutYou(userData) });
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
