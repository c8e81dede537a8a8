import type { View } from "./client";
import { t } from "./texts";

/** The catalogue's name and the status pill. */
export function Header({ view }: { view: View }) {
  const { tone, text } = statusOf(view);
  const name = view.opening.state === "ready" ? view.opening.release.name : "";
  return (
    <header class="top">
      <a class="brand" href="./" aria-label={t.home}>
        <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
          <rect width="32" height="32" rx="8" fill="var(--accent)" />
          <path d="M8 10h16v7a8 8 0 0 1-16 0z" fill="var(--surface)" />
          <circle cx="16" cy="16" r="3" fill="var(--accent)" />
        </svg>
        <span>pocketrec</span>
      </a>
      <span class="shop">{name}</span>
      <p class={`pill ${tone}`} role="status">
        <span class="dot" aria-hidden="true" />
        {text}
      </p>
    </header>
  );
}

function statusOf(view: View): { tone: "calm" | "good" | "away"; text: string } {
  const { opening, online, update, userData, pageKept } = view;
  const isOfflineReady = userData.offline && pageKept;
  if (opening.state === "failed") return { tone: "away", text: t.status.unavailable };
  if (!online || update.state === "unreachable") {
    return { tone: "away", text: isOfflineReady ? t.status.offline : t.status.offlineTab };
  }
  if (opening.state === "opening") return { tone: "calm", text: t.status.loading };
  return isOfflineReady ? { tone: "good", text: t.status.readyOffline } : { tone: "calm", text: t.status.ready };
}
