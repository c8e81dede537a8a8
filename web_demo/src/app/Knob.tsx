import { useEffect, useState } from "preact/hooks";

const STEPS = 100;

interface Props {
  /** From 0, the most precise list, to 1, the most varied one; as it is in use. */
  readonly variety: number;
  readonly ready: boolean;
  readonly onChange: (variety: number) => void;
}

/** The slider from precise to varied. While it is moved it shows where the hand is; the list follows as fast as it can. */
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
        aria-valuetext={inWords(value)}
        onInput={({ currentTarget }) => {
          const wished = Number(currentTarget.value) / STEPS;
          setHeld(wished);
          onChange(wished);
        }}
      />
      <span aria-hidden="true">Varied</span>
    </div>
  );
}

function inWords(value: number): string {
  if (value === 0) return "most precise";
  return value === STEPS ? "most varied" : `${value} % of the way to varied`;
}
