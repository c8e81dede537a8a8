import type { Signing } from "../worker/protocol";
import { bytes, day } from "./format";

/** Digits of a key id that are shown, as many as `pocketrec release` puts into the names of key files. */
const N_DIGITS = 16;

/** Who signed the release in use, until when the signatures are valid, and how the release came here. */
export function Signature({ signing: { signedBy, arrival, metadata, notes, isKept } }: { signing: Signing }) {
  const isExpired = metadata !== null && metadata.expires * 1000 < Date.now();
  return (
    <>
      <h3>Signature</h3>
      {signedBy === null ? (
        <p>Not signed. It is believed because it came from the same address as this page.</p>
      ) : (
        <dl class="facts">
          <dt>Signed by</dt>
          <dd>
            {signedBy.keyids.map((keyid) => (
              <code key={keyid} title={keyid}>
                {keyid.slice(0, N_DIGITS)}
              </code>
            ))}{" "}
            as {signedBy.role}
          </dd>
          {metadata !== null && (
            <>
              <dt>Versions</dt>
              <dd>{metadata.versions.map(([role, version]) => `${role} ${version}`).join(", ")}</dd>
              <dt>{isExpired ? "Expired" : "Valid until"}</dt>
              <dd>
                {day(metadata.expires)}
                {isExpired && ", so no update is accepted"}
              </dd>
            </>
          )}
        </dl>
      )}
      {arrival !== null && (
        <p class="fine">
          {bytes(arrival.bytes)} received for this release, as {arrival.how === "delta" ? "a delta" : "whole files"}.
        </p>
      )}
      {!isKept && <p class="fine">Not kept by this browser.</p>}
      {notes.map((note) => (
        <p key={note} class="fine">
          {note}
        </p>
      ))}
    </>
  );
}
