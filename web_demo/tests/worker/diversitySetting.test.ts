import { expect, test } from "vitest";
import { MemoryHistory } from "../../src/runtime/memoryHistory";
import { readDiversity, storeDiversity } from "../../src/worker/diversitySetting";

test("a diversity stored under its former name is used until the slider moves", async () => {
  const history = new MemoryHistory([], new Map([["variety", 0.4]]));

  const before = await readDiversity(history);
  await storeDiversity(history, 0);

  expect(before).toBe(0.4);
  expect(await readDiversity(history)).toBe(0);
});

test("a diversity is read as it was stored, whatever the former name holds", async () => {
  const history = new MemoryHistory([], new Map([["variety", 0.4]]));

  await storeDiversity(history, 0.7);

  expect(await readDiversity(history)).toBe(0.7);
  expect(await history.setting("variety")).toBeNull();
});
