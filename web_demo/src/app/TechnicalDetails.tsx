import type { Candidate } from "../runtime/candidates";
import { TRANSITIONS } from "../runtime/constants";
import type { Profile } from "../runtime/profile/report";
import { LONG, SHORT } from "../runtime/timing";
import type { Language, Release, Update } from "../worker/protocol";
import type { View } from "./client";
import { median } from "./format";
import { knownKind } from "./kinds";
import { Plot, totalOf } from "./Plot";
import { ProfilePanel } from "./ProfilePanel";
import { bytes, day, ENGLISH, fill, milliseconds, number, parts, plural, spaced } from "./partTexts";
import { Signature } from "./Signature";

const ONE_DIGIT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };

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
  // What is measured is the bundle's engines, and a list of transitions alone uses none.
  const canBeMeasured = release !== null && view.engines.some(({ engine }) => engine !== TRANSITIONS);
  return (
    <details class="technical">
      <summary>
        <h2>{parts.technical.title}</h2>
        <span class="hint">
          {used.length === 0 ? parts.technical.noEngine : used.join(" + ")}
          {times.length > 0 && `${comma()}${fill(parts.technical.perList, { time: milliseconds(median(times)) })}`}
        </span>
      </summary>
      <div class="grid">
        <section>
          <h3>{parts.technical.engines}</h3>
          <ul class="candidates">
            {view.engines.map((candidate) => (
              <Engine key={`${candidate.engine} ${candidate.precision}`} candidate={candidate} />
            ))}
          </ul>
          <h3>{parts.technical.model}</h3>
          <LanguageModel language={view.language} />
        </section>
        <section>
          <h3>{plural(parts.technical.latency, times.length)}</h3>
          <Plot timings={view.timings} />
          {view.signing !== null && <Signature signing={view.signing} />}
          <h3>{parts.technical.updates}</h3>
          <p role="status">
            {spaced(updateText(view.update))}
            {"why" in view.update && <span lang={ENGLISH}>{view.update.why}</span>}
          </p>
          <button type="button" class="secondary" onClick={onCheck} aria-disabled={view.update.state === "checking"}>
            {parts.technical.check}
          </button>
        </section>
        {release !== null && <Sizes release={release} />}
        {canBeMeasured && <ProfilePanel profiling={view.profiling} onProfile={onProfile} />}
      </div>
    </details>
  );
}

/** Between the items of a list. */
function comma(): string {
  return spaced(parts.technical.comma);
}

function Engine({ candidate }: { candidate: Candidate }) {
  const { test, ms, time } = candidate;
  return (
    <li class={candidate.inUse ? "used" : ""}>
      <strong>
        {candidate.engine} {candidate.precision}
      </strong>
      <span class={`tag ${candidate.inUse ? "good" : candidate.state === "failed" ? "bad" : ""}`}>
        {candidate.inUse ? parts.technical.inUse : parts.technical.states[candidate.state]}
      </span>
      {test !== null && test.stateError !== Number.POSITIVE_INFINITY && (
        <small>
          {spaced(test.passed ? parts.technical.testPassed : parts.technical.testFailed)}
          {test.stateError !== null && spaced(fill(parts.technical.state, { error: test.stateError.toExponential(1) }))}
          {fill(parts.technical.best, { share: number(test.overlap * 100, ONE_DIGIT) })}
          {ms !== null && `${comma()}${fill(parts.technical.readyIn, { time: milliseconds(ms) })}`}
        </small>
      )}
      {time !== null && (
        <small>
          {plural(parts.technical.forEvents, SHORT, { time: milliseconds(time.short) })}
          {comma()}
          {plural(parts.technical.forEvents, LONG, { time: milliseconds(time.long) })}
        </small>
      )}
      <WhyEngine why={candidate.why} />
    </li>
  );
}

/** Why an engine is used or not: the usual reasons in the page's language, any other one in English. */
function WhyEngine({ why }: { why: string }) {
  const known: Readonly<Record<string, string>> = parts.technical.reasons;
  const [n = ""] = /\d+/.exec(why) ?? [];
  const text = known[n === "" ? why : why.replace(n, "{n}")];
  if (why === "") return null;
  return text === undefined ? <small lang={ENGLISH}>{why}</small> : <small>{fill(text, { n })}</small>;
}

function Sizes({ release }: { release: Release }) {
  const files = [...release.parts].sort((a, b) => b.bytes - a.bytes);
  const largest = files[0]?.bytes ?? 1;
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const items = plural(parts.technical.items[knownKind(release.kind)], release.nItems);
  const facts = [createdDay(release), release.target, items, `d = ${release.dim}`, bytes(total), ...release.licences];
  return (
    <section>
      <h3>{fill(parts.technical.release, { name: release.name, release: `${release.release}` })}</h3>
      <p class="fine">{facts.join(comma())}</p>
      <ul class="parts">
        {files.map((file) => (
          <li key={file.name}>
            <span class="name">{file.name}</span>
            <span class="size">{bytes(file.bytes)}</span>
            <span class="bar" style={{ width: `${(100 * file.bytes) / largest}%` }} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A release may name a day that does not exist, which is shown as it is. */
function createdDay({ created }: Release): string {
  const time = Date.parse(created);
  return Number.isNaN(time) ? created : day(time / 1000);
}

function LanguageModel({ language }: { language: Language }) {
  return (
    <p>
      {spaced(languageText(language))}
      {language.state === "unavailable" && <span lang={ENGLISH}>{language.why}.</span>}
    </p>
  );
}

function languageText(language: Language): string {
  const { modelNone, modelFetching, modelStarting, modelReady, modelWritten, modelUnavailable } = parts.technical;
  switch (language.state) {
    case "none":
      return modelNone;
    case "fetching":
      return fill(modelFetching, { received: bytes(language.received), total: bytes(language.total) });
    case "starting":
      return modelStarting;
    case "ready":
      return language.written === 0
        ? modelReady
        : plural(modelWritten, language.written, { time: milliseconds(language.meanMs) });
    case "unavailable":
      return modelUnavailable;
  }
}

/** What is said of updates; the server's or the runtime's reason comes after it. */
function updateText(update: Update): string {
  switch (update.state) {
    case "fetching":
      return fill(parts.technical.fetching, { release: `${update.release}`, size: bytes(update.bytes) });
    case "ready":
      return fill(parts.technical.ready, { release: `${update.release}`, size: bytes(update.bytes) });
    case "waiting":
      return fill(parts.technical.waiting, { release: `${update.release}` });
    case "stale":
      return fill(parts.technical.stale, { day: day(update.since) });
    case "refused":
      return parts.technical.rejected;
    default:
      return parts.technical[update.state];
  }
}
