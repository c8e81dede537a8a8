import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { View } from "./client";
import { shortened } from "./format";
import { previewText } from "./previewText";
import { bytes, ENGLISH, fill, t } from "./texts";
import { spaced } from "./writing";

const UNDO_MS = 8000;
/** Characters, two lines on a phone. */
const MAX_TITLE = 60;

/** An item that has just been hidden and can be restored. */
export interface Hidden {
  readonly itemId: string;
  readonly title: string;
  /** Settled once this is in the history, where an undo finds it. */
  readonly recorded: Promise<unknown>;
}

interface Props {
  readonly view: View;
  readonly hidden: Hidden | null;
  readonly onUndo: (hidden: Hidden) => void;
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
  const messages = noticesOf(view).filter(({ text, why }) => !dismissed.has(text + why));
  return (
    <aside class="notices" aria-label={t.notices.title}>
      <div role="status">
        {messages.map(({ text, why, tone }) => (
          <Notice key={text} tone={tone} onDismiss={() => setDismissed(new Set([...dismissed, text + why]))}>
            <span>
              {spaced(text)}
              {why !== "" && <span lang={ENGLISH}>{why}</span>}
            </span>
          </Notice>
        ))}
        {view.update.state === "ready" && (
          <Notice tone="good">
            {spaced(fill(t.notices.ready, { release: `${view.update.release}`, size: bytes(view.update.bytes) }))}
            {spaced(previewText(view.update.preview))}
            <button type="button" class="link" onClick={onUpdate}>
              {t.notices.use}
            </button>
          </Notice>
        )}
        {hidden !== null && (
          <Notice tone="calm" onDismiss={onDone} onHold={setHeld}>
            <span class="line">
              {spaced(t.notices.hidden)}
              <bdi>{shortened(hidden.title, MAX_TITLE)}</bdi>
            </span>
            <span class="line">{t.notices.lessSimilar}</span>
            <button
              type="button"
              class="link"
              onClick={() => {
                onUndo(hidden);
                onDone();
              }}
            >
              {t.undo}
            </button>
          </Notice>
        )}
      </div>
    </aside>
  );
}

/** One message; `why` is the runtime's own, in English, or empty. */
interface Message {
  readonly tone: "bad" | "calm";
  readonly text: string;
  readonly why: string;
}

function noticesOf({ update, problem, userData }: View): Message[] {
  const notices: Message[] = [];
  if (problem?.kind === "not deleted") notices.push({ tone: "bad", text: t.notices.notDeleted, why: "" });
  if (problem?.kind === "other") notices.push({ tone: "bad", text: t.notices.problem, why: problem.why });
  if (update.state === "refused") notices.push({ tone: "bad", text: t.notices.rejected, why: update.why });
  if (!isSecureContext) notices.push({ tone: "calm", text: insecureText(location), why: "" });
  if (userData.storageError !== null) {
    notices.push({ tone: "calm", text: `${spaced(t.notices.notKept)}${t.storage[userData.storageError]}`, why: "" });
  }
  return notices;
}

function insecureText({ host, port, pathname }: Location): string {
  const local = `http://localhost${port === "" ? "" : `:${port}`}${pathname}`;
  return fill(t.notices.plainHttp, { secure: `https://${host}${pathname}`, local });
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
        <button type="button" class="remove" aria-label={t.notices.dismiss} onClick={onDismiss}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M3 3l10 10M13 3L3 13" />
          </svg>
        </button>
      )}
    </div>
  );
}
