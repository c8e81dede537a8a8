import { useState } from "preact/hooks";
import type { Profile, Row } from "../runtime/profile/report";
import { ENGLISH, fill, milliseconds, number, parts, plural, spaced } from "./partTexts";
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
      <h3>{parts.technical.profile}</h3>
      <p class="fine">{parts.technical.profileNote}</p>
      <button type="button" class="secondary" aria-disabled={isRunning} onClick={singleClick(() => isRunning || run())}>
        {parts.technical.measure}
      </button>{" "}
      {found !== null && !isRunning && (
        <button type="button" class="secondary" onClick={() => save(found)}>
          {parts.technical.save}
        </button>
      )}
      <p role="status">
        {spaced(statusText(profiling, found))}
        {!isRunning && found !== null && <span lang={ENGLISH}>{found.verdict.reasons[0]}</span>}
      </p>
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
            {p95 === null
              ? plural(parts.technical.listTakes, runs, { time: milliseconds(median) })
              : plural(parts.technical.listTakesP95, runs, { time: milliseconds(median), p95: milliseconds(p95) })}
          </small>
        </li>
      ))}
      {ratios.map(({ variant, against, median, low, high }) => (
        <li key={`${variant} by ${against}`}>
          <small>
            {fill(parts.technical.ratio, {
              variant,
              against,
              median: ratio(median),
              low: ratio(low),
              high: ratio(high),
            })}
          </small>
        </li>
      ))}
    </ul>
  );
}

function statusText(profiling: number | null, found: Profile | null): string {
  if (profiling !== null) return fill(parts.technical.measuring, { n: Math.round(100 * profiling) });
  return found === null
    ? ""
    : fill(parts.technical.verdict, { verdict: parts.technical.verdicts[found.verdict.state] });
}

function ratio(value: number): string {
  return number(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function isList({ step }: Row): boolean {
  return step === "list";
}

function save(profile: Profile): void {
  saveFile("profile.json", `${JSON.stringify(profile, null, 1)}\n`, "application/json");
}
