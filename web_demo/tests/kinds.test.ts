import { describe, expect, test } from "vitest";
import { wordsOf } from "../src/app/kinds";

describe("the words of the page", () => {
  test.each([
    ["shop", "Search the shop"],
    ["video", "Search the videos"],
    ["articles", "Search the articles"],
    ["a kind of a later version", "Search the shop"],
    [null, "Search"],
  ])("for a catalogue of the kind %s say: %s", (kind, search) => {
    expect(wordsOf(kind).search).toBe(search);
  });
});
