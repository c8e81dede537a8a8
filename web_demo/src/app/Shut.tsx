import type { Cause } from "../worker/protocol";
import { count } from "./format";

interface Props {
  readonly cause: Cause;
  readonly why: string;
  /** How many marks are kept here from earlier visits. */
  readonly marks: number;
  readonly onRetry: () => void;
}

/** What stands in the shelf's place when no release could be opened: what is the matter, and what to do. */
export function Shut({ cause, why, marks, onRetry }: Props) {
  const { heading, text } = WORDS[cause];
  return (
    <section class="shut" role="alert">
      <h2 id="shelf-title" tabIndex={-1}>
        {heading}
      </h2>
      <p>{typeof text === "string" ? text : text(location)}</p>
      {marks > 0 && <p>Your {count(marks, "mark")} of earlier visits are still here.</p>}
      <p class="detail">{why}</p>
      {cause !== "insecure" && (
        <button type="button" class="primary" onClick={onRetry}>
          Try again
        </button>
      )}
    </section>
  );
}

const WORDS: Readonly<Record<Cause, { heading: string; text: string | ((at: Location) => string) }>> = {
  unreachable: {
    heading: "The shop cannot be reached",
    text: "This device does not hold the whole shop: it was never here, or the browser has cleared it to make room. Connect to the network and try again.",
  },
  "no shop": {
    heading: "There is no shop at this address",
    text: "The server answers, but not with a shop. Whoever runs it has to publish one for browsers; then try again.",
  },
  failing: {
    heading: "The server cannot give out the shop",
    text: "It answers with an error. Try again in a while.",
  },
  refused: {
    heading: "The shop was refused",
    text: "What the server sent is not what it should be, so none of it is used.",
  },
  insecure: {
    heading: "This address is not secure",
    text: ({ host, port, pathname }) =>
      `The page came over plain http from another machine, where browsers neither check nor keep files. Open it as https://${host}${pathname} if the server has https, or on that machine itself as http://localhost${port === "" ? "" : `:${port}`}${pathname}.`,
  },
  crashed: {
    heading: "The page could not start",
    text: "A part of it was not loaded, or has stopped. Try again; if it stays like this, another browser may do.",
  },
};
