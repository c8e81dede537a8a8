import type { Timing } from "../worker/protocol";
import { median } from "./format";
import { fill, milliseconds, parts } from "./partTexts";

const WIDTH = 400;
const HEIGHT = 120;
const N_BARS = 100;
const PHASES = ["decode", "encode", "score", "rank"] as const;

/** Total milliseconds of one list. */
export function totalOf({ phases }: Timing): number {
  return PHASES.reduce((sum, phase) => sum + phases[phase], 0);
}

/** One bar per list, oldest on the left, stacked by phase. */
export function Plot({ timings }: { timings: readonly Timing[] }) {
  if (timings.length === 0) return <p class="fine">{parts.technical.noList}</p>;
  const totals = timings.map(totalOf);
  // The first list after an engine has loaded is slow; it must not flatten the other bars.
  const top = Math.max(0.5, ...totals.map((total) => Math.min(total, 4 * median(totals))));
  const middle = median(totals);
  return (
    <figure class="plot">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={fill(parts.technical.medianLongest, {
          median: milliseconds(middle),
          longest: milliseconds(Math.max(...totals)),
        })}
      >
        {timings.map((timing, index) => (
          <Bar key={index} timing={timing} x={(index + N_BARS - timings.length) * (WIDTH / N_BARS)} top={top} />
        ))}
        <line class="median" x1="0" x2={WIDTH} y1={HEIGHT * (1 - middle / top)} y2={HEIGHT * (1 - middle / top)} />
      </svg>
      <figcaption>
        <span>{fill(parts.technical.median, { time: milliseconds(middle) })}</span>
        {PHASES.map((phase) => (
          <span key={phase} class={`key ${phase}`}>
            {parts.technical[phase]} {milliseconds(median(timings.map(({ phases }) => phases[phase])))}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function Bar({ timing, x, top }: { timing: Timing; x: number; top: number }) {
  let y = HEIGHT;
  return (
    <g>
      {PHASES.map((phase) => {
        const height = (timing.phases[phase] / top) * HEIGHT;
        y -= height;
        return <rect key={phase} class={phase} x={x} y={y} width={WIDTH / N_BARS - 1} height={height} />;
      })}
    </g>
  );
}
