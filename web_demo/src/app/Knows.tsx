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

/** What this page knows, measured, and the way to make it forget. */
export function Knows({ knows, pageKept, traffic, onForget }: Props) {
  const [phase, setPhase] = useState<"idle" | "asking" | "done">("idle");
  const choice = useRef<HTMLButtonElement>(null);
  const before = useRef(phase);
  // The buttons take each other's place; the keyboard goes along.
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
        <Figure term="About you" value={aboutYou(knows)} note={`${bytes(knows.eventBytes)}, on this device alone`} />
        <Figure
          term="Sent since loading"
          value={bytes(traffic.sentBytes)}
          note={`${count(traffic.requests, "download")}, ${traffic.elsewhere === 0 ? "none" : traffic.elsewhere} from elsewhere`}
        />
        <Figure
          term="Kept in this browser"
          value={knows.storedBytes === null ? "not known" : bytes(knows.storedBytes)}
          note={keptNote(knows.offline, pageKept)}
        />
      </dl>
      <p class="fine">
        Sent bytes are counted in the page and in its worker: the body of every request, and whatever stands behind a
        “?” in an address.
      </p>
      <div class="forget">
        {phase !== "asking" ? (
          <button
            key="forget"
            ref={choice}
            type="button"
            class="secondary"
            // Not `disabled`: a disabled button cannot keep the focus that comes back to it.
            aria-disabled={isNothing(knows)}
            onClick={once(() => isNothing(knows) || setPhase("asking"))}
          >
            Forget me
          </button>
        ) : (
          <>
            <p>Delete {aboutYou(knows)} for good?</p>
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

function keptNote(shop: boolean, page: boolean): string {
  if (shop && page) return "the shop and the page, for visits without network";
  if (shop) return "the shop; this browser has not kept the page, so a visit needs the network";
  return "not yet all that a visit without network needs";
}

function aboutYou({ events, settings }: KnowsData): string {
  return count(events, "mark") + (settings === 0 ? "" : ` and ${count(settings, "setting")}`);
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
