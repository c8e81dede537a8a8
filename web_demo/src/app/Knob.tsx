import { useEffect, useState } from "preact/hooks";

const STEPS = 100;

interface Props {
  /** The current setting, from 0 (most precise) to 1 (most varied). */
  readonly variety: number;
  readonly ready: boolean;
  readonly onChange: (variety: number) => void;
}

/** The slider from precise to varied. It follows the pointer at once, and the list as soon as it has been computed. */
export function Knob({ variety, ready, onChange }: Props) {
  const [held, setHeld] = useState<number | null>(null);
  useEffect(() => {
    setHeld((now) => (now === variety ? null : now));
  }, [variety]);
  const value = Math.round((held ?? variety) * STEPS);
  return (
    <div class="knob">
      <span aria-hidden="true">Precise</span>
      <input
        type="range"
        min={0}
        max={STEPS}
        step={5}
        value={value}
        disabled={!ready}
        aria-label="Precise to varied"
        aria-valuetext={describe(value)}
        onInput={({ currentTarget }) => {
          const chosen = Number(currentTarget.value) / STEPS;
          setHeld(chosen);
          onChange(chosen);
        }}
      />
      <span aria-hidden="true">Varied</span>
    </div>
  );
}

function describe(value: number): string {
  if (value === 0) return "most precise";
  return value === STEPS ? "most varied" : `${value} % of the way to varied`;
}
