/**
 * Where the keyboard goes when what it was on disappears: to the heading of the nearest part that is left, never to the
 * page's body, from where it would have to begin anew.
 */
export function keepFocus(root: HTMLElement): void {
  /** The element that has the focus, and those around it, inside out. */
  let around: HTMLElement[] = [];
  root.addEventListener("focusin", ({ target }) => {
    around = ancestors(target, root);
  });
  root.addEventListener("focusout", () => {
    // Left for an empty place of the page, and not because it is gone.
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

function homeOf(part: HTMLElement): HTMLElement | null {
  return part.querySelector<HTMLElement>("[tabindex='-1']");
}

function ancestors(target: EventTarget | null, root: HTMLElement): HTMLElement[] {
  const found: HTMLElement[] = [];
  for (
    let element = target as HTMLElement | null;
    element !== null && element !== root;
    element = element.parentElement
  )
    found.push(element);
  return [...found, root];
}
