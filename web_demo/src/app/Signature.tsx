import type { Signing } from "../worker/protocol";
import { bytes, day, ENGLISH, fill, parts } from "./partTexts";

/** Digits of a key id that are shown, as many as `pocketrec release` puts into the names of key files. */
const N_DIGITS = 16;

/** Who signed the release in use, until when the signatures are valid, and how the release came here. */
export function Signature({ signing: { signedBy, arrival, metadata, notes, isKept } }: { signing: Signing }) {
  const isExpired = metadata !== null && metadata.expires * 1000 < Date.now();
  return (
    <>
      <h3>{parts.technical.signature}</h3>
      {signedBy === null ? (
        <p>{parts.technical.notSigned}</p>
      ) : (
        <dl class="facts">
          <dt>{parts.technical.signedBy}</dt>
          <dd>
            {signedBy.keyids.map((keyid) => (
              <code key={keyid} title={keyid}>
                {keyid.slice(0, N_DIGITS)}
              </code>
            ))}{" "}
            {fill(parts.technical.as, { role: signedBy.role })}
          </dd>
          {metadata !== null && (
            <>
              <dt>{parts.technical.versions}</dt>
              <dd>{metadata.versions.map(([role, version]) => `${role} ${version}`).join(", ")}</dd>
              <dt>{isExpired ? parts.technical.expired : parts.technical.validUntil}</dt>
              <dd>
                {isExpired ? fill(parts.technical.noUpdate, { day: day(metadata.expires) }) : day(metadata.expires)}
              </dd>
            </>
          )}
        </dl>
      )}
      {arrival !== null && (
        <p class="fine">
          {fill(arrival.how === "delta" ? parts.technical.asDelta : parts.technical.asFiles, {
            size: bytes(arrival.bytes),
          })}
        </p>
      )}
      {!isKept && <p class="fine">{parts.technical.notKept}</p>}
      {notes.map((note) => (
        <p key={note} class="fine" lang={ENGLISH}>
          {note}
        </p>
      ))}
    </>
  );
}
