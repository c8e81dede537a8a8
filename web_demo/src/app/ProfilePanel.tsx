import { useState } from "preact/hooks";
import type { Profile, Row } from "../runtime/profile/report";
import { milliseconds } from "./format";
import { saveFile } from "./saveFile";
import { singleClick } from "./singleClick";

interface Props {
  /** The share that is done of a running profile; null if none is running. */
  readonly profiling: number | null;
  readonly onProfile: () => Promise<Profile | null>;
}

/** Measures the engines in this browser, and saves the result as a file. */
export function ProfilePanel({ profiling, onProfile }: Props) {
  const [found, setFound] = useState<Profile | null>(null);
  const run = () =>
    void onProfile().then(
      (profile) => setFound(profile),
      () => setFound(null),
    );
  const isRunning = profiling !== null;
  return (
    <section class="profile">
      <h3>Profile</h3>
      <p class="fine">
        Measures every engine in turns and checks its lists, for some seconds; the list waits meanwhile. Nothing is
        sent.
      </p>
      <button type="button" class="secondary" aria-disabled={isRunning} onClick={singleClick(() => isRunning || run())}>
        Measure this browser
      </button>{" "}
      {found !== null && !isRunning && (
        <button type="button" class="secondary" onClick={() => save(found)}>
          Save as JSON
        </button>
      )}
      <p role="status">{statusText(profiling, found)}</p>
      {found !== null && <Summary profile={found} />}
    </section>
  );
}

function Summary({ profile }: { profile: Profile }) {
  const ratios = profile.ratios.filter(({ step }) => step === "list");
  return (
    <ul class="candidates">
      {profile.rows.filter(isList).map(({ variant, wall_ms: { runs, median, p95 } }) => (
        <li key={variant}>
          <strong>{variant}</strong>
          <small>
            a list takes {milliseconds(median)}
            {p95 !== null && `, 95 % of them at most ${milliseconds(p95)}`} ({runs} runs)
          </small>
        </li>
      ))}
      {ratios.map(({ variant, against, median, low, high }) => (
        <li key={`${variant} by ${against}`}>
          <small>
            {variant} takes {median.toFixed(2)} times as long as {against} ({low.toFixed(2)} to {high.toFixed(2)})
          </small>
        </li>
      ))}
    </ul>
  );
}

function statusText(profiling: number | null, found: Profile | null): string {
  if (profiling !== null) return `Measuring: ${Math.round(100 * profiling)} %`;
  if (found === null) return "";
  const { state, reasons } = found.verdict;
  return `Verdict: ${state}${reasons.length > 0 ? ` (${reasons[0]})` : ""}`;
}

function isList({ step }: Row): boolean {
  return step === "list";
}

function save(profile: Profile): void {
  saveFile("profile.json", `${JSON.stringify(profile, null, 1)}\n`, "application/json");
}
