/** The texts of parts, and how values are written in their language, which is English where the page's texts were not loaded. */

import { parts } from "./texts";
import { writingOf } from "./writing";

export { ENGLISH } from "./texts";
export { spaced } from "./writing";
export { parts };

export const { number, fill, plural, bytes, milliseconds, day, minute } = writingOf(parts);
