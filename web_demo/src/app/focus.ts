/**
 * Keep the keyboard focus when the focused element disappears: move it to the heading of the nearest section that is
 * left, not to the page's body, from which keyboard users would have to start again.
 */
export function keepFocus(root: HTMLElement): void {
  /** The focused element and its ancestors, innermost first. */
  let around: Element[] = [];
  root.addEventListener("focusin", ({ target }) => {
    around = ancestors(target, root);
  });
  root.addEventListener("focusout", () => {
    // The user clicked on an empty area; the element has not disappeared.
    queueMicrotask(() => {
      if (isLost() && around[0]?.isConnected === true) around = [];
    });
  });
  new MutationObserver(() => {
    if (!isLost() || around.length === 0 || around[0]?.isConnected === true) return;
    const homes = around.filter((element) => element.isConnected).map(homeOf);
    homes.find((home) => home !== null)?.focus({ preventScroll: true });
  }).observe(root, { childList: true, subtree: true });
}

function isLost(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

function homeOf(part: Element): HTMLElement | null {
  return part.querySelector<HTMLElement>("[tabindex='-1']");
}

function ancestors(target: EventTarget | null, root: HTMLElement): Element[] {
  const found: Element[] = [];
  let element = target instanceof Element ? target : null;
  for (; element !== null && element !== root; element = element.parentElement) found.push(element);
  return [...found, root];
}
