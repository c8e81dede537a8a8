import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BundleError } from "../src/runtime/errors";
import { Fields } from "../src/runtime/fields";
import { parseJson } from "../src/runtime/json";

interface Case {
  readonly name: string;
  readonly text: string;
  readonly accepted: boolean;
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/json.json"), "utf8"),
);

/** The field `n` of a text, which must be an integer. */
function read(text: string): number {
  const fields = Fields.of(parseJson(new TextEncoder().encode(text), "test.json"), "test.json");
  return fields.integer("n", { min: 0, max: Number.MAX_SAFE_INTEGER });
}

describe("JSON that Python's reader accepts is accepted", () => {
  test.each(cases.filter(({ accepted }) => accepted))("$name", ({ text }) => {
    expect(read(text)).toBe(JSON.parse(text).n);
  });
});

describe("JSON that Python's reader refuses is refused", () => {
  test.each(cases.filter(({ accepted }) => !accepted))("$name", ({ text }) => {
    expect(() => read(text)).toThrow(BundleError);
  });
});

test("values are those of JSON.parse", () => {
  const text =
    '{"a": [1, -2, 3.5, 1e3, 100000000000000000000], "b": {"c": "\\u00e9\\n", "d": [true, false, null, ""]}}';

  const fields = Fields.of(parseJson(new TextEncoder().encode(text), "test.json"), "test.json");

  expect(fields.list("a")).toEqual([1, -2, { value: 3.5 }, { value: 1000 }, 100000000000000000000]);
  expect(fields.nested("b").text("c")).toBe("é\n");
  expect(fields.nested("b").list("d")).toEqual([true, false, null, ""]);
});
