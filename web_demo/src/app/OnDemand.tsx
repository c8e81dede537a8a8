import { type ComponentType, h } from "preact";
import { useState } from "preact/hooks";

interface Props<P> {
  readonly title: string;
  readonly load: () => Promise<ComponentType<P>>;
  readonly props: P;
}

/** A folded part of the page, whose code is loaded when it is opened. */
export function OnDemand<P extends object>({ title, load, props }: Props<P>) {
  const [Part, setPart] = useState<ComponentType<P> | null>(null);
  const open = () =>
    void load().then(
      (part) => setPart(() => part),
      () => undefined, // opened again, it is tried again
    );
  return (
    <details class="carry" onToggle={open}>
      <summary>{title}</summary>
      {Part && h(Part as ComponentType<object>, props)}
    </details>
  );
}
