import { useState } from "preact/hooks";
import type { Bytes } from "../runtime/bytes";
import { MAX_HISTORY_BYTES, MIN_PASSPHRASE } from "../runtime/constants";
import { messageOf } from "../runtime/errors";
import { isEncrypted } from "../runtime/historyFile";
import type { Answer } from "../worker/protocol";
import { bytes, count } from "./format";
import { saveFile } from "./saveFile";

export interface CarryProps {
  readonly onExport: (passphrase: string | null) => Promise<Answer<Bytes>>;
  readonly onImport: (file: Bytes, passphrase: string | null) => Promise<Answer<number>>;
}

/** Saves the history as a file for another device of the user, and adds such a file. */
export function CarryHistory({ onExport, onImport }: CarryProps) {
  const [said, setSaid] = useState("");
  return (
    <>
      <p class="fine">
        Save it as a file, bring the file to the other device, and add it there. Nothing is sent by this page.
      </p>
      <div class="forms">
        <SaveForm onExport={onExport} onSaid={setSaid} />
        <AddForm onImport={onImport} onSaid={setSaid} />
      </div>
      <p role="status">{said}</p>
    </>
  );
}

function SaveForm({ onExport, onSaid }: Pick<CarryProps, "onExport"> & { onSaid: (text: string) => void }) {
  const [encrypts, setEncrypts] = useState(true);
  const [passphrase, setPassphrase] = useState("");
  const save = async () => {
    onSaid("Writing the file.");
    const answer = await onExport(encrypts ? passphrase : null);
    if ("refused" in answer) return onSaid(answer.refused);
    const name = encrypts ? "pocketrec.history" : "pocketrec-history.json";
    saveFile(name, answer.value, encrypts ? "application/octet-stream" : "application/json");
    setPassphrase("");
    onSaid(`Saved as ${name}, ${bytes(answer.value.length)}.`);
  };
  return (
    <form onSubmit={submitting(save, onSaid)}>
      <h3>Save a file</h3>
      <label class="check">
        <input
          type="checkbox"
          checked={encrypts}
          onChange={({ currentTarget }) => setEncrypts(currentTarget.checked)}
        />
        Encrypt it with a passphrase
      </label>
      {encrypts ? (
        <Passphrase value={passphrase} onInput={setPassphrase} isNew />
      ) : (
        <p class="fine">Whoever gets the file can read your history.</p>
      )}
      <button type="submit" class="secondary">
        Save the file
      </button>
    </form>
  );
}

function AddForm({ onImport, onSaid }: Pick<CarryProps, "onImport"> & { onSaid: (text: string) => void }) {
  const [file, setFile] = useState<Bytes | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const isSealed = file !== null && isEncrypted(file);
  const choose = async (chosen: File | undefined) => {
    const isTooLarge = chosen !== undefined && chosen.size > MAX_HISTORY_BYTES;
    onSaid(isTooLarge ? `The file has ${bytes(chosen.size)}, a history at most ${bytes(MAX_HISTORY_BYTES)}.` : "");
    setFile(chosen === undefined || isTooLarge ? null : new Uint8Array(await chosen.arrayBuffer()));
  };
  const add = async () => {
    if (file === null) return onSaid("Choose the file first.");
    onSaid("Reading the file.");
    const answer = await onImport(file, isSealed ? passphrase : null);
    if ("refused" in answer) return onSaid(answer.refused);
    setPassphrase("");
    onSaid(answer.value === 0 ? "Everything in the file was here already." : `${count(answer.value, "event")} added.`);
  };
  return (
    <form onSubmit={submitting(add, onSaid)}>
      <h3>Add a file</h3>
      <label>
        File of the other device
        <input
          type="file"
          onChange={({ currentTarget: { files } }) =>
            void choose(files?.[0]).catch((error: unknown) => onSaid(messageOf(error)))
          }
        />
      </label>
      {isSealed && <Passphrase value={passphrase} onInput={setPassphrase} />}
      <button type="submit" class="secondary">
        Add it to my history
      </button>
    </form>
  );
}

interface PassphraseProps {
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** Whether it is being chosen, and not that of a file. */
  readonly isNew?: boolean;
}

function Passphrase({ value, onInput, isNew = false }: PassphraseProps) {
  return (
    <label>
      Passphrase{isNew && `, at least ${MIN_PASSPHRASE} characters`}
      <input
        type="password"
        required
        minLength={isNew ? MIN_PASSPHRASE : undefined}
        autocomplete={isNew ? "new-password" : "off"}
        value={value}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
    </label>
  );
}

/** Handle a form here, and say what goes wrong: the worker may have crashed, or the file may be gone. */
function submitting(work: () => Promise<void>, onSaid: (text: string) => void) {
  return (event: Event) => {
    event.preventDefault();
    void work().catch((error: unknown) => onSaid(messageOf(error)));
  };
}
