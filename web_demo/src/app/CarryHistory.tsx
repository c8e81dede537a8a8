import { useState } from "preact/hooks";
import type { Bytes } from "../runtime/bytes";
import { MAX_HISTORY_BYTES, MIN_PASSPHRASE } from "../runtime/constants";
import { messageOf } from "../runtime/errors";
import { isEncrypted } from "../runtime/historyFile";
import type { Answer, Refusal } from "../worker/protocol";
import { bytes, ENGLISH, fill, parts, plural, spaced } from "./partTexts";
import { saveFile } from "./saveFile";

export interface CarryProps {
  readonly onExport: (passphrase: string | null) => Promise<Answer<Bytes>>;
  readonly onImport: (file: Bytes, passphrase: string | null) => Promise<Answer<number>>;
}

/** What is said of the last click, in the language that the page then has; `why` is the runtime's own message, in English. */
interface Said {
  readonly text: () => string;
  readonly why: string;
}

type Say = (text: () => string, why?: string) => void;

/** Saves the history as a file for another device of the user, and adds such a file. */
export function CarryHistory({ onExport, onImport }: CarryProps) {
  const [said, setSaid] = useState<Said>({ text: () => "", why: "" });
  const say: Say = (text, why = "") => setSaid({ text, why });
  return (
    <>
      <p class="fine">{parts.carry.how}</p>
      <div class="forms">
        <SaveForm onExport={onExport} onSaid={say} />
        <AddForm onImport={onImport} onSaid={say} />
      </div>
      <p role="status">
        {spaced(said.text())}
        {said.why !== "" && <span lang={ENGLISH}>{said.why}</span>}
      </p>
    </>
  );
}

function SaveForm({ onExport, onSaid }: Pick<CarryProps, "onExport"> & { onSaid: Say }) {
  const [encrypts, setEncrypts] = useState(true);
  const [passphrase, setPassphrase] = useState("");
  const save = async () => {
    onSaid(() => parts.carry.writing);
    const answer = await onExport(encrypts ? passphrase : null);
    if ("refused" in answer) return onSaid(...refusal(answer));
    const name = encrypts ? "pocketrec.history" : "pocketrec-history.json";
    saveFile(name, answer.value, encrypts ? "application/octet-stream" : "application/json");
    setPassphrase("");
    onSaid(() => fill(parts.carry.saved, { name, size: bytes(answer.value.length) }));
  };
  return (
    <form onSubmit={submitting(save, onSaid)}>
      <h3>{parts.carry.save}</h3>
      <label class="check">
        <input
          type="checkbox"
          checked={encrypts}
          onChange={({ currentTarget }) => setEncrypts(currentTarget.checked)}
        />
        {parts.carry.encrypt}
      </label>
      {encrypts ? (
        <Passphrase value={passphrase} onInput={setPassphrase} isNew />
      ) : (
        <p class="fine">{parts.carry.readable}</p>
      )}
      <button type="submit" class="secondary">
        {parts.carry.saveButton}
      </button>
    </form>
  );
}

function AddForm({ onImport, onSaid }: Pick<CarryProps, "onImport"> & { onSaid: Say }) {
  const [file, setFile] = useState<Bytes | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const isSealed = file !== null && isEncrypted(file);
  const choose = async (chosen: File | undefined) => {
    const isTooLarge = chosen !== undefined && chosen.size > MAX_HISTORY_BYTES;
    onSaid(() => (isTooLarge ? tooLarge(chosen.size) : ""));
    setFile(chosen === undefined || isTooLarge ? null : new Uint8Array(await chosen.arrayBuffer()));
  };
  const add = async () => {
    if (file === null) return onSaid(() => parts.carry.chooseFirst);
    onSaid(() => parts.carry.reading);
    const answer = await onImport(file, isSealed ? passphrase : null);
    if ("refused" in answer) return onSaid(...refusal(answer));
    setPassphrase("");
    onSaid(() => (answer.value === 0 ? parts.carry.nothingNew : plural(parts.carry.added, answer.value)));
  };
  return (
    <form onSubmit={submitting(add, onSaid)}>
      <h3>{parts.carry.add}</h3>
      <label>
        {parts.carry.file}
        <input
          type="file"
          onChange={({ currentTarget: { files } }) =>
            void choose(files?.[0]).catch((error: unknown) => onSaid(() => parts.carry.failed, messageOf(error)))
          }
        />
      </label>
      {isSealed && <Passphrase value={passphrase} onInput={setPassphrase} />}
      <button type="submit" class="secondary">
        {parts.carry.addButton}
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
      {isNew ? plural(parts.carry.newPassphrase, MIN_PASSPHRASE) : parts.carry.passphrase}
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

/** What to say of a file that was refused; only why one could not be written may help its user. */
function refusal({ refused, why }: Refusal): [text: () => string, why: string] {
  return [() => parts.carry.problems[refused], refused === "not written" ? why : ""];
}

function tooLarge(size: number): string {
  return fill(parts.carry.tooLarge, { size: bytes(size), most: bytes(MAX_HISTORY_BYTES) });
}

/** Handle a form here, and say what goes wrong: the worker may have crashed, or the file may be gone. */
function submitting(work: () => Promise<void>, onSaid: Say) {
  return (event: Event) => {
    event.preventDefault();
    void work().catch((error: unknown) => onSaid(() => parts.carry.failed, messageOf(error)));
  };
}
