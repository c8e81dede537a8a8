import { hash } from "./format";

/** Silhouettes in a 100 x 100 box, standing on y = 100. */
const SHAPES = [
  // bottle
  "M41 6q0-4 4-4h10q4 0 4 4v16q0 4 4 8 9 8 9 20v42q0 8-8 8H36q-8 0-8-8V50q0-12 9-20 4-4 4-8z",
  // jar
  "M30 26q0-4 4-4h32q4 0 4 4v8q0 3-3 4 9 4 9 14v40q0 8-8 8H32q-8 0-8-8V52q0-10 9-14-3-1-3-4z",
  // tube
  "M33 2h34q4 0 4 5l-5 71q0 4-4 4H38q-4 0-4-4L29 7q0-5 4-5zM37 86h26v11q0 3-3 3H40q-3 0-3-3z",
  // box
  "M24 30q0-6 6-6h40q6 0 6 6v64q0 6-6 6H30q-6 0-6-6z",
  // ball
  "M50 28a36 36 0 0 1 22 64.500q-4 3.500-10 7.500H38q-6-4-10-7.500A36 36 0 0 1 50 28z",
  // book
  "M28 12q0-4 4-4h38q4 0 4 4v84q0 4-4 4H34q-6 0-6-6z",
  // vase
  "M40 10q0-4 4-4h12q4 0 4 4 0 12 8 22t8 24q0 22-14 44H38Q24 78 24 56q0-14 8-24t8-22z",
] as const;

/**
 * The placeholder of an item without a picture. The category selects silhouette and colour, so that similar items look
 * alike; the title varies size and position, so that a row of them does not look like a pattern.
 */
export function PlaceholderImage({ kind, title }: { kind: string; title: string }) {
  const ofKind = hash(kind === "" ? "thing" : kind);
  const ofTitle = hash(title);
  const shape = SHAPES[ofKind % SHAPES.length];
  const hue = (ofKind >>> 4) % 360;
  const size = 0.84 + (ofTitle % 4) * 0.03;
  const x = 100 - 50 * size + ((ofTitle >>> 5) % 21) - 10;
  return (
    <svg
      class="placeholder"
      viewBox="0 0 200 150"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      style={{ "--hue": hue }}
    >
      <rect class="wall" width="200" height="150" />
      <circle class="lamp" cx={60 + (ofTitle % 80)} cy="58" r="62" />
      <rect class="board" y="122" width="200" height="28" />
      <g transform={`translate(${x} ${122 - 100 * size}) scale(${size})`}>
        <path class="silhouette" d={shape} />
      </g>
    </svg>
  );
}
