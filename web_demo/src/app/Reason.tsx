import type { Piece } from "../runtime/reasons/wordings";

/** A sentence with its facts highlighted. */
export function Reason({ pieces }: { pieces: readonly Piece[] }) {
  return (
    <>
      {pieces.map(({ text, fact }, index) =>
        fact ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>,
      )}
    </>
  );
}
