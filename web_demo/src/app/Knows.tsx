import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Traffic } from "../runtime/traffic";
import type { Knows as KnowsData } from "../worker/protocol";
import { bytes, count } from "./format";
import { once } from "./once";

interface Props {
  readonly knows: KnowsData;
  readonly pageKept: boolean;
  readonly traffic: Traffic;
  readonly onForget: () => Promise<unknown>;
}

/** What this page stores and sends, as measured, and the button that deletes it. */
export function Knows({ knows, pageKept, traffic, onForget }: Props) {
  const [phase, setPhase] = useState<"idle" | "asking" | "done">("idle");
  const choice = useRef<HTMLButtonElement>(null);
  const before = useRef(phase);
  // The buttons replace each other; move the focus to the new one.
  useLayoutEffect(() => {
    if (before.current !== phase) choice.current?.focus();
    before.current = phase;
  }, [phase]);
  const forget = () =>
    onForget().then(
      () => setPhase("done"),
      () => setPhase("idle"),
    );
  return (
    <section class="knows" aria-labelledby="knows-title">
      <h2 id="knows-title" tabIndex={-1}>
        What this page knows
      </h2>
      <dl class="figures">
        <Figure term="About you" value={aboutYou(knows)} note={`${bytes(knows.eventBytes)}, only on this device`} />
        <Figure
          term="Sent since loading"
          value={bytes(traffic.sentBytes)}
          note={`${count(traffic.requests, "download")}, ${traffic.elsewhere === 0 ? "none" : traffic.elsewhere} from other sites`}
        />
        <Figure
          term="Stored in this browser"
          value={knows.storedBytes === null ? "unknown" : bytes(knows.storedBytes)}
          note={storedNote(knows.offline, pageKept)}
        />
      </dl>
      <p class="fine">
        “Sent” counts the body of every request of this page, and everything after a “?” in an address.
      </p>
      <div class="forget">
        {phase !== "asking" ? (
          <button
            key="forget"
            ref={choice}
            type="button"
            class="secondary"
            // Not `disabled`: a disabled button would lose the focus that returns to it.
            aria-disabled={isNothing(knows)}
            onClick={once(() => isNothing(knows) || setPhase("asking"))}
          >
            Forget me
          </button>
        ) : (
          <>
            <p>Delete {aboutYou(knows)} permanently?</p>
            <button key="delete" ref={choice} type="button" class="danger" onClick={once(() => void forget())}>
              Delete
            </button>
            <button type="button" class="secondary" onClick={() => setPhase("idle")}>
              Keep
            </button>
          </>
        )}
        <p role="status">{phase === "done" && isNothing(knows) ? "Forgotten. Nothing about you is left here." : ""}</p>
      </div>
    </section>
  );
}

function storedNote(shop: boolean, page: boolean): string {
  if (shop && page) return "the shop and the page, for offline visits";
  if (shop) return "the shop; this browser did not store the page, so you need a connection to visit it";
  return "not yet everything that an offline visit needs";
}

function aboutYou({ events, settings }: KnowsData): string {
  return count(events, "choice") + (settings === 0 ? "" : ` and ${count(settings, "setting")}`);
}

function isNothing({ events, settings }: KnowsData): boolean {
  return events === 0 && settings === 0;
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
