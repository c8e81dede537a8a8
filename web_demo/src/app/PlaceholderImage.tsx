import { ARTICLES, VIDEO } from "../runtime/constants";
import { hash } from "./format";

/** Silhouettes in a 100 x 100 box, standing on y = 100. */
const PRODUCTS = [
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
];

/** Those of other kinds of catalogue; paths inside others are holes. */
const SHAPES: ReadonlyMap<string, readonly string[]> = new Map([
  [
    VIDEO,
    [
      // screen
      "M8 34q0-6 6-6h72q6 0 6 6v46q0 6-6 6H14q-6 0-6-6zM42 44v26l22-13zM36 90h28v10H36z",
      // reel
      "M50 22a39 39 0 0 1 0 78a39 39 0 0 1 0-78zM50 32a10 10 0 0 0 0 20a10 10 0 0 0 0-20zM33 62a10 10 0 0 0 0 20a10 10 0 0 0 0-20zM67 62a10 10 0 0 0 0 20a10 10 0 0 0 0-20z",
      // clapperboard
      "M12 50h76v44q0 6-6 6H18q-6 0-6-6zM10 36l74-20 3 12-74 20z",
      // phone
      "M28 10q0-6 6-6h32q6 0 6 6v84q0 6-6 6H34q-6 0-6-6zM43 38v26l20-13z",
    ],
  ],
  [
    ARTICLES,
    [
      // page
      "M22 10q0-6 6-6h34l18 18v72q0 6-6 6H28q-6 0-6-6zM34 40h34v5H34zM34 54h34v5H34zM34 68h22v5H34z",
      // newspaper
      "M8 26q0-4 4-4h76q4 0 4 4v70q0 4-4 4H12q-4 0-4-4zM18 32h64v10H18zM18 52h28v36H18zM54 52h28v5H54zM54 66h28v5H54zM54 80h18v5H54z",
      // open book
      "M50 34Q30 20 8 26v66q22-6 42 8 20-14 42-8V26q-22-6-42 8zM48 40v46h4V40z",
      // note
      "M14 16h72q6 0 6 6v46q0 6-6 6H50L30 100V74H14q-6 0-6-6V22q0-6 6-6zM26 34h48v6H26zM26 50h34v6H26z",
    ],
  ],
]);

/**
 * The placeholder of an item without a picture. What the catalogue has selects the silhouettes; the category one of them and its
 * colour, so that similar items look alike; the title varies size and position, so that a row of them does not look like a pattern.
 */
export function PlaceholderImage({ of, kind, title }: { of: string; kind: string; title: string }) {
  const ofKind = hash(kind === "" ? "thing" : kind);
  const ofTitle = hash(title);
  const shapes = SHAPES.get(of) ?? PRODUCTS;
  const shape = shapes[ofKind % shapes.length];
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
        <path class="silhouette" fill-rule="evenodd" d={shape} />
      </g>
    </svg>
  );
}
