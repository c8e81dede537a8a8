import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const MOVE_MS = 200;

interface Position {
  readonly left: number;
  readonly top: number;
}

/**
 * Animate the children of a list from their previous positions to their new ones (First, Last, Invert, Play), and fade
 * new ones in. Nothing moves if the user prefers reduced motion.
 *
 * @param list whose children carry `data-key`.
 * @param version changes whenever the order does.
 */
export function useFlip(list: RefObject<HTMLElement | null>, version: number): void {
  const before = useRef(new Map<string, Position>());
  useLayoutEffect(() => {
    const after = new Map<string, Position>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || before.current.size === 0;
    for (const child of list.current?.children ?? []) {
      if (!(child instanceof HTMLElement) || child.dataset["key"] === undefined) continue;
      // Offsets are independent of scrolling and of running animations.
      const now = { left: child.offsetLeft, top: child.offsetTop };
      after.set(child.dataset["key"], now);
      if (!still) play(child, before.current.get(child.dataset["key"]), now);
    }
    before.current = after;
  }, [list, version]);
}

function play(child: HTMLElement, was: Position | undefined, now: Position): void {
  const timing = { duration: MOVE_MS, easing: "ease-out" };
  if (was === undefined || Math.abs(was.top - now.top) > innerHeight) {
    child.animate(
      [
        { opacity: 0, transform: "scale(.97)" },
        { opacity: 1, transform: "none" },
      ],
      timing,
    );
  } else if (was.left !== now.left || was.top !== now.top) {
    const back = `translate(${was.left - now.left}px, ${was.top - now.top}px)`;
    child.animate([{ transform: back }, { transform: "none" }], timing);
  }
}
