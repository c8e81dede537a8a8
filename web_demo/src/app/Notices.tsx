import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { View } from "./client";
import { bytes, shortened } from "./format";
import { previewText } from "./previewText";

const UNDO_MS = 8000;
/** Characters, two lines on a phone. */
const MAX_TITLE = 60;

/** An item that has just been hidden and can be restored. */
export interface Hidden {
  readonly itemId: string;
  readonly title: string;
}

interface Props {
  readonly view: View;
  readonly hidden: Hidden | null;
  readonly onUndo: (itemId: string) => void;
  readonly onDone: () => void;
  readonly onUpdate: () => void;
}

/** Current messages for the user; they overlay the bottom of the page, so that nothing moves. */
export function Notices({ view, hidden, onUndo, onDone, onUpdate }: Props) {
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  // The notice stays as long as the pointer or the focus is on it.
  const [isHeld, setHeld] = useState(false);
  useEffect(() => setHeld(false), [hidden]);
  useEffect(() => {
    if (hidden === null || isHeld) return;
    const timer = setTimeout(onDone, UNDO_MS);
    return () => clearTimeout(timer);
  }, [hidden, isHeld]);
  const messages = noticesOf(view).filter(({ text }) => !dismissed.has(text));
  return (
    <aside class="notices" aria-label="Notices">
      <div role="status">
        {messages.map(({ text, tone }) => (
          <Notice key={text} tone={tone} onDismiss={() => setDismissed(new Set([...dismissed, text]))}>
            {text}
          </Notice>
        ))}
        {view.update.state === "ready" && (
          <Notice tone="good">
            An update is ready: release {view.update.release}, {bytes(view.update.bytes)} downloaded and checked.{" "}
            {previewText(view.update.preview)}{" "}
            <button type="button" class="link" onClick={onUpdate}>
              Use it now
            </button>
          </Notice>
        )}
        {hidden !== null && (
          <Notice tone="calm" onDismiss={onDone} onHold={setHeld}>
            <span class="line">
              Hidden: <bdi>{shortened(hidden.title, MAX_TITLE)}</bdi>
            </span>
            <span class="line">Similar items are shown less.</span>
            <button
              type="button"
              class="link"
              onClick={() => {
                onUndo(hidden.itemId);
                onDone();
              }}
            >
              Undo
            </button>
          </Notice>
        )}
      </div>
    </aside>
  );
}

function noticesOf({ update, problem, userData }: View): { text: string; tone: "bad" | "calm" }[] {
  const notices: { text: string; tone: "bad" | "calm" }[] = [];
  if (problem !== null)
    notices.push({ tone: "bad", text: `Something went wrong, but the rest still works: ${problem}` });
  if (update.state === "refused") {
    notices.push({ tone: "bad", text: `An update was rejected, and your list stays as it is: ${update.why}` });
  }
  if (!isSecureContext) notices.push({ tone: "calm", text: insecureText(location) });
  if (userData.storageError !== null) {
    notices.push({
      tone: "calm",
      text: `Your choices are kept only until this tab is closed. ${userData.storageError}`,
    });
  }
  return notices;
}

function insecureText({ host, port, pathname }: Location): string {
  const local = `http://localhost${port === "" ? "" : `:${port}`}${pathname}`;
  return (
    "Opened over plain http from another machine, where browsers store nothing: fine for trying. " +
    `To keep it, open https://${host}${pathname}, or ${local} on the server.`
  );
}

interface NoticeProps {
  readonly tone: "good" | "bad" | "calm";
  readonly onDismiss?: () => void;
  /** Called when the pointer or the focus enters and leaves. */
  readonly onHold?: (isHeld: boolean) => void;
  readonly children: ComponentChildren;
}

function Notice({ tone, onDismiss, onHold, children }: NoticeProps) {
  const hold = () => onHold?.(true);
  const release = () => onHold?.(false);
  return (
    <div class={`notice ${tone}`} onPointerEnter={hold} onPointerLeave={release} onFocusIn={hold} onFocusOut={release}>
      <p>{children}</p>
      {onDismiss !== undefined && (
        <button type="button" class="remove" aria-label="Dismiss this notice" onClick={onDismiss}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M3 3l10 10M13 3L3 13" />
          </svg>
        </button>
      )}
    </div>
  );
}
