import type { Candidate } from "../runtime/candidates";
import type { Profile } from "../runtime/profile/report";
import { LONG, SHORT } from "../runtime/timing";
import type { Language, Release, Update } from "../worker/protocol";
import type { View } from "./client";
import { bytes, count, day, median, milliseconds } from "./format";
import { Plot, totalOf } from "./Plot";
import { ProfilePanel } from "./ProfilePanel";
import { Signature } from "./Signature";

interface Props {
  readonly view: View;
  readonly onCheck: () => void;
  readonly onProfile: () => Promise<Profile | null>;
}

/** Technical details, collapsed by default: engines, release, sizes and latency. */
export function TechnicalDetails({ view, onCheck, onProfile }: Props) {
  const used = view.engines.filter(({ inUse }) => inUse).map(({ engine, precision }) => `${engine} ${precision}`);
  const times = view.timings.map(totalOf);
  const release = view.opening.state === "ready" ? view.opening.release : null;
  return (
    <details class="technical">
      <summary>
        <h2>Technical details</h2>
        <span class="hint">
          {used.length === 0 ? "no engine" : used.join(" + ")}
          {times.length > 0 && `, ${milliseconds(median(times))} a list`}
        </span>
      </summary>
      <div class="grid">
        <section>
          <h3>Engines</h3>
          <ul class="candidates">
            {view.engines.map((candidate) => (
              <Engine key={`${candidate.engine} ${candidate.precision}`} candidate={candidate} />
            ))}
          </ul>
          <h3>Language model</h3>
          <p>{languageText(view.language)}</p>
        </section>
        <section>
          <h3>Latency of the last {count(times.length, "list")}</h3>
          <Plot timings={view.timings} />
          {view.signing !== null && <Signature signing={view.signing} />}
          <h3>Updates</h3>
          <p role="status">{updateText(view.update)}</p>
          <button type="button" class="secondary" onClick={onCheck} aria-disabled={view.update.state === "checking"}>
            Check now
          </button>
        </section>
        {release !== null && <Sizes release={release} />}
        {release !== null && <ProfilePanel profiling={view.profiling} onProfile={onProfile} />}
      </div>
    </details>
  );
}

function Engine({ candidate }: { candidate: Candidate }) {
  const { test, ms, time } = candidate;
  return (
    <li class={candidate.inUse ? "used" : ""}>
      <strong>
        {candidate.engine} {candidate.precision}
      </strong>
      <span class={`tag ${candidate.inUse ? "good" : candidate.state === "failed" ? "bad" : ""}`}>
        {candidate.inUse ? "in use" : candidate.state}
      </span>
      {test !== null && test.stateError !== Number.POSITIVE_INFINITY && (
        <small>
          self-test {test.passed ? "passed" : "failed"}:{" "}
          {test.stateError !== null && `state within ${test.stateError.toExponential(1)}, `}best ten found{" "}
          {(test.overlap * 100).toFixed(1)} %{ms !== null && `, ready in ${milliseconds(ms)}`}
        </small>
      )}
      {time !== null && (
        <small>
          {milliseconds(time.short)} for {count(SHORT, "event")}, {milliseconds(time.long)} for {count(LONG, "event")}
        </small>
      )}
      {candidate.why !== "" && <small>{candidate.why}</small>}
    </li>
  );
}

function Sizes({ release }: { release: Release }) {
  const parts = [...release.parts].sort((a, b) => b.bytes - a.bytes);
  const largest = parts[0]?.bytes ?? 1;
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  return (
    <section>
      <h3>
        {release.name}, release {release.release}
      </h3>
      <p class="fine">
        {release.created.slice(0, 10)}, {release.target}, {count(release.nItems, "item")}, d = {release.dim},{" "}
        {bytes(total)}
        {release.licences.length > 0 && `, ${release.licences.join(", ")}`}
      </p>
      <ul class="parts">
        {parts.map((part) => (
          <li key={part.name}>
            <span class="name">{part.name}</span>
            <span class="size">{bytes(part.bytes)}</span>
            <span class="bar" style={{ width: `${(100 * part.bytes) / largest}%` }} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function languageText(language: Language): string {
  switch (language.state) {
    case "none":
      return "The release has none, or it has not been loaded yet; reasons come from templates.";
    case "fetching":
      return `Downloading, ${bytes(language.received)} of ${bytes(language.total)}; until then, reasons come from templates.`;
    case "starting":
      return "Starting; until then, reasons come from templates.";
    case "ready":
      return language.written === 0
        ? "Ready: llama.cpp in WebAssembly, restricted by a grammar to true sentences."
        : `Ready: ${count(language.written, "reason")} worded, ${milliseconds(language.meanMs)} each on average, restricted by a grammar to true sentences.`;
    case "unavailable":
      return `Not used, reasons come from templates: ${language.why}.`;
  }
}

function updateText(update: Update): string {
  switch (update.state) {
    case "unchecked":
      return "Not checked yet.";
    case "checking":
      return "Checking for updates.";
    case "current":
      return "This is the newest release.";
    case "unreachable":
      return `${update.why} The release on this device still works.`;
    case "fetching":
      return `Downloading release ${update.release}: ${bytes(update.bytes)}.`;
    case "ready":
      return `Release ${update.release} has been downloaded (${bytes(update.bytes)}) and has passed its self-test.`;
    case "waiting":
      return `Release ${update.release} comes to this device later.`;
    case "stale":
      return `${update.why} Up to date until ${day(update.since)}.`;
    case "refused":
      return `Rejected: ${update.why}`;
  }
}
