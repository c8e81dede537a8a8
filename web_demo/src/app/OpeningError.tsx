import type { Cause } from "../worker/protocol";
import { ENGLISH, plural, t } from "./texts";

interface Props {
  readonly cause: Cause;
  readonly why: string;
  /** Number of choices stored from earlier visits. */
  readonly nChoices: number;
  readonly onRetry: () => void;
}

/** Shown in place of the recommendations if no release could be opened: what is wrong, and what to do. */
export function OpeningError({ cause, why, nChoices, onRetry }: Props) {
  const { heading, text } = t.failed[NAMES[cause]];
  return (
    <section class="opening-error" role="alert">
      <h2 id="recommendations-title" tabIndex={-1}>
        {heading}
      </h2>
      <p>{text}</p>
      {nChoices > 0 && <p>{plural(t.failed.stored, nChoices)}</p>}
      {why !== "" && (
        <p class="detail" lang={ENGLISH}>
          {why}
        </p>
      )}
      <button type="button" class="primary" onClick={onRetry}>
        {t.failed.retry}
      </button>
    </section>
  );
}

/** The names of the texts about a cause. */
const NAMES = {
  unreachable: "unreachable",
  "no catalogue": "noCatalogue",
  failing: "failing",
  refused: "refused",
  crashed: "crashed",
} as const satisfies Readonly<Record<Cause, string>>;
