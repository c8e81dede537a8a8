import type { Cause } from "../worker/protocol";
import { count } from "./format";

interface Props {
  readonly cause: Cause;
  readonly why: string;
  /** Number of choices stored from earlier visits. */
  readonly nChoices: number;
  readonly onRetry: () => void;
}

/** Shown in place of the recommendations if no release could be opened: what is wrong, and what to do. */
export function OpeningError({ cause, why, nChoices, onRetry }: Props) {
  const { heading, text } = WORDS[cause];
  return (
    <section class="opening-error" role="alert">
      <h2 id="recommendations-title" tabIndex={-1}>
        {heading}
      </h2>
      <p>{text}</p>
      {nChoices > 0 && <p>Still stored on this device from earlier visits: {count(nChoices, "choice")}.</p>}
      <p class="detail">{why}</p>
      <button type="button" class="primary" onClick={onRetry}>
        Try again
      </button>
    </section>
  );
}

const WORDS: Readonly<Record<Cause, { heading: string; text: string }>> = {
  unreachable: {
    heading: "The server cannot be reached",
    text: "This device has no complete copy of the catalogue: it was never downloaded, or the browser has deleted it to free space. Connect to the internet and try again.",
  },
  "no catalogue": {
    heading: "There is no catalogue at this address",
    text: "The server responds, but it has none for browsers. Its owner has to publish one first.",
  },
  failing: {
    heading: "The catalogue is not available right now",
    text: "The server responded with an error. Please try again later.",
  },
  refused: {
    heading: "The catalogue could not be verified",
    text: "What the server sent is damaged or invalid, so none of it is used.",
  },
  crashed: {
    heading: "The page could not start",
    text: "Part of it did not load, or has stopped working. Try again; if that does not help, try another browser.",
  },
};
