import { useEffect, useState } from "preact/hooks";
import { fill, t } from "./texts";

const STEPS = 100;

interface Props {
  /** The current setting, from 0 (most precise) to 1 (most diverse). */
  readonly diversity: number;
  readonly ready: boolean;
  readonly onChange: (diversity: number) => void;
}

/** The slider from precise to diverse. It follows the pointer at once, and the list as soon as it has been computed. */
export function DiversitySlider({ diversity, ready, onChange }: Props) {
  const [held, setHeld] = useState<number | null>(null);
  useEffect(() => {
    setHeld((now) => (now === diversity ? null : now));
  }, [diversity]);
  const value = Math.round((held ?? diversity) * STEPS);
  return (
    <div class="diversity">
      <span aria-hidden="true">{t.diversity.precise}</span>
      <input
        type="range"
        min={0}
        max={STEPS}
        step={5}
        value={value}
        disabled={!ready}
        aria-label={t.diversity.title}
        aria-valuetext={describe(value)}
        onInput={({ currentTarget }) => {
          const chosen = Number(currentTarget.value) / STEPS;
          setHeld(chosen);
          onChange(chosen);
        }}
      />
      <span aria-hidden="true">{t.diversity.diverse}</span>
    </div>
  );
}

function describe(value: number): string {
  if (value === 0) return t.diversity.least;
  return value === STEPS ? t.diversity.most : fill(t.diversity.part, { n: value });
}
