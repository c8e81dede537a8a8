import { describe, expect, test } from "vitest";
import type { Listing, Sayable } from "../../src/runtime/conversation/said";
import { Talk, type TalkedAbout } from "../../src/worker/talk";
import { GOOD, openRecommender } from "../folder";

const LISTING: Listing = { sequence: [3], excluded: new Set([3]), disliked: [], diversity: 0, k: 6 };

async function setUp(language = "en-GB") {
  const { sayable, items } = await openRecommender(GOOD);
  const talk = new Talk(language);
  const titlesOf = async () => (await talk.rank(sayable, LISTING))?.rows.map((row) => items.titles[row] ?? "") ?? null;
  return { talk, sayable, titlesOf };
}

function about(release: Sayable, shown: readonly string[] = ["item-1", "item-2"]): TalkedAbout {
  return { release, listing: LISTING, shown, reason: (itemId) => (itemId === "item-2" ? "shown reason" : null) };
}

describe("what is said about the page's list", () => {
  test("counts for the lists that follow, until all of it is taken back", async () => {
    const { talk, sayable, titlesOf } = await setUp();
    const before = await titlesOf();

    const said = await talk.say("only Elm", about(sayable));
    const titles = await titlesOf();
    const removed = await talk.removeChip(said.chips[0]?.id ?? "");

    expect(before).toBeNull();
    expect(said).toMatchObject({
      answer: "OK, Elm.",
      repeats: "OK, Elm.",
      options: [],
      canUndo: true,
      language: "en",
    });
    expect(titles?.every((title) => title.startsWith("Elm"))).toBe(true);
    expect(removed).toMatchObject({ chips: [], repeats: "" });
    expect(await titlesOf()).toBeNull();
  });

  test("is answered with what repeats the chips marked as such, beside what does not", async () => {
    const { talk, sayable } = await setUp();

    const said = await talk.say("only Elm, quizzical", about(sayable));

    expect(said.repeats).toBe("OK, Elm.");
    expect(said.answer).toBe("OK, Elm. I left out “quizzical”.");
  });

  test("is undone by a button as by a word, in every language", async () => {
    for (const language of ["en", "de-CH", "fr", "es", "zh"]) {
      const { talk, sayable } = await setUp(language);
      await talk.say("Elm", about(sayable));

      const { chips, canUndo } = await talk.undo(about(sayable));

      expect({ language, chips, canUndo }).toEqual({ language, chips: [], canUndo: false });
    }
  });

  test("may be a question, whose replies are its options", async () => {
    const { talk, sayable } = await setUp();
    await talk.say("only Elm", about(sayable));

    const asked = await talk.say("Birch", about(sayable));
    const replied = await talk.say(asked.options[1] ?? "", about(sayable));

    expect(asked.repeats).toBe("");
    expect(asked.options).toEqual(["Birch instead", "both"]);
    expect(replied.chips.map(({ text }) => text)).toEqual(["Elm or Birch"]);
    expect(replied.options).toEqual([]);
  });

  test("is answered with the reason that a card shows", async () => {
    const { talk, sayable } = await setUp();

    const { answer } = await talk.say("why the second?", about(sayable));

    expect(answer).toBe("Elm mint hand cream 2: shown reason");
  });

  test("begins with examples that this catalogue can answer", async () => {
    const { talk, sayable } = await setUp();
    const shown = ["item-1", "item-2"];

    const examples = await talk.examples(sayable, shown, "hand cream");
    const answers = await Promise.all(examples.map((text) => new Talk("en").say(text, about(sayable, shown))));

    expect(examples).toEqual(["no hand cream", "surprise me"]);
    for (const { chips } of answers) expect(chips).toHaveLength(1);
    expect(await talk.examples(sayable, shown, "submarines")).toEqual(["surprise me"]);
  });

  test("begins with no more examples than fit a field on a phone", async () => {
    const { talk, sayable } = await setUp("de");

    const examples = await talk.examples(sayable, ["item-1", "item-2"], "hand cream");

    expect(examples).toEqual(["ohne hand cream"]);
  });
});
