import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const MOVE_MS = 200;

interface Place {
  readonly left: number;
  readonly top: number;
}

/**
 * Let the children of a list glide from where they were to where they are (First, Last, Invert, Play), and new ones
 * appear softly. Nothing moves for people who asked their system for less motion.
 *
 * @param list whose children carry `data-key`.
 * @param version changes with the order.
 */
export function useFlip(list: RefObject<HTMLElement | null>, version: number): void {
  const before = useRef(new Map<string, Place>());
  useLayoutEffect(() => {
    const after = new Map<string, Place>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || before.current.size === 0;
    for (const child of list.current?.children ?? []) {
      if (!(child instanceof HTMLElement) || child.dataset["key"] === undefined) continue;
      // Offsets know neither scrolling nor a movement that is still under way.
      const now = { left: child.offsetLeft, top: child.offsetTop };
      after.set(child.dataset["key"], now);
      if (!still) play(child, before.current.get(child.dataset["key"]), now);
    }
    before.current = after;
  }, [list, version]);
}

function play(child: HTMLElement, was: Place | undefined, now: Place): void {
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
