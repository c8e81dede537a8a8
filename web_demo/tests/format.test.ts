import { describe, expect, test } from "vitest";
import { shortened } from "../src/app/format";

describe("a title that is too long for its place", () => {
  test.each([
    ["Lavender Soap", 13, "Lavender Soap"],
    ["Lavender Soap, Pack of 12", 16, "Lavender Soap…"],
    ["Donaudampfschifffahrt", 10, "Donaudamp…"],
    ["🧼🧼🧼🧼", 3, "🧼🧼…"],
    ["", 3, ""],
  ])("%s in %i characters is %s", (title, limit, expected) => {
    const found = shortened(title, limit);

    expect(found).toBe(expected);
    expect([...found].length).toBeLessThanOrEqual(limit);
  });
});
