import { useRef, useState } from "preact/hooks";
import type { Traffic } from "../runtime/traffic";
import type { Knows as KnowsData } from "../worker/protocol";
import { bytes, count } from "./format";

interface Props {
  readonly knows: KnowsData;
  readonly traffic: Traffic;
  readonly onForget: () => Promise<unknown>;
}

/** What this page knows, measured, and the way to make it forget. */
export function Knows({ knows, traffic, onForget }: Props) {
  const [phase, setPhase] = useState<"idle" | "asking" | "done">("idle");
  const first = useRef<HTMLButtonElement>(null);
  const forget = async () => {
    await onForget();
    setPhase("done");
    first.current?.focus();
  };
  return (
    <section class="knows" aria-labelledby="knows-title">
      <h2 id="knows-title">What this page knows</h2>
      <dl class="figures">
        <Figure term="About you" value={aboutYou(knows)} note={`${bytes(knows.eventBytes)}, on this device alone`} />
        <Figure
          term="Sent since loading"
          value={bytes(traffic.sentBytes)}
          note={`${count(traffic.requests, "download")}, ${traffic.elsewhere === 0 ? "none" : traffic.elsewhere} from elsewhere`}
        />
        <Figure
          term="Kept in this browser"
          value={knows.storedBytes === null ? "not told" : bytes(knows.storedBytes)}
          note={knows.offline ? "the shop and the page, for visits without network" : "the page so far"}
        />
      </dl>
      <p class="fine">
        Sent bytes are counted in the page and in its worker: the body of every request, and whatever stands behind a
        “?” in an address.
      </p>
      <div class="forget">
        {phase !== "asking" ? (
          <button
            ref={first}
            type="button"
            class="secondary"
            onClick={() => setPhase("asking")}
            disabled={isNothing(knows)}
          >
            Forget me
          </button>
        ) : (
          <>
            <p>Delete {aboutYou(knows)} for good?</p>
            <button type="button" class="danger" ref={(button) => button?.focus()} onClick={() => void forget()}>
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
