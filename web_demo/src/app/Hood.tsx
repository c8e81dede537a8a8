import type { Candidate } from "../runtime/candidates";
import type { Language, Release, Update } from "../worker/protocol";
import type { View } from "./client";
import { bytes, count, median, milliseconds } from "./format";
import { Plot, totalOf } from "./Plot";

/** Engines, release, sizes and latency: for those who want to know, folded away. */
export function Hood({ view, onCheck }: { view: View; onCheck: () => void }) {
  const used = view.engines.find(({ inUse }) => inUse);
  const times = view.timings.map(totalOf);
  const release = view.opening.state === "ready" ? view.opening.release : null;
  return (
    <details class="hood">
      <summary>
        <h2>Under the hood</h2>
        <span class="hint">
          {used === undefined ? "no engine" : `${used.engine} ${used.precision}`}
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
          <h3>Updates</h3>
          <p role="status">{updateText(view.update)}</p>
          <button type="button" class="secondary" onClick={onCheck} aria-disabled={view.update.state === "checking"}>
            Check now
          </button>
        </section>
        {release !== null && <Sizes release={release} />}
      </div>
    </details>
  );
}

function Engine({ candidate }: { candidate: Candidate }) {
  const { test, ms } = candidate;
  return (
    <li class={candidate.inUse ? "used" : ""}>
      <strong>
        {candidate.engine} {candidate.precision}
      </strong>
      <span class={`tag ${candidate.inUse ? "good" : candidate.state === "failed" ? "bad" : ""}`}>
        {candidate.inUse ? "in use" : candidate.state}
      </span>
      {test !== null && Number.isFinite(test.stateError) && (
        <small>
          self-test {test.passed ? "passed" : "failed"}: state within {test.stateError.toExponential(1)}, best ten found{" "}
          {(test.overlap * 100).toFixed(1)} %{ms !== null && `, ready in ${milliseconds(ms)}`}
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
      return "The release has none, or it has not been asked for yet; reasons come from the template.";
    case "fetching":
      return `Fetching ${bytes(language.received)} of ${bytes(language.total)}; reasons come from the template meanwhile.`;
    case "starting":
      return "Starting; reasons come from the template meanwhile.";
    case "ready":
      return language.written === 0
        ? "Ready: llama.cpp in WebAssembly, bound by a grammar to true sentences."
        : `Ready: ${count(language.written, "reason")} worded, ${milliseconds(language.meanMs)} each on average, bound by a grammar to true sentences.`;
    case "unavailable":
      return `Not used, reasons come from the template: ${language.why}.`;
  }
}

function updateText(update: Update): string {
  switch (update.state) {
    case "unchecked":
      return "Not checked yet.";
    case "checking":
      return "Checking.";
    case "current":
      return "This is the newest release.";
    case "unreachable":
      return `${update.why} The release on this device goes on working.`;
    case "fetching":
      return `Fetching release ${update.release}: ${bytes(update.bytes)} are new.`;
    case "ready":
      return `Release ${update.release} is here and has passed its self-test: ${bytes(update.bytes)} were new.`;
    case "refused":
      return `Refused: ${update.why}`;
  }
}
