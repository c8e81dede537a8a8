import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { LEARNING_SETTING } from "../../src/runtime/constants";
import type { NewEvent } from "../../src/runtime/events";
import { PersonalLearner } from "../../src/runtime/learning/personal";
import { KeptRecord } from "../../src/runtime/learning/record";
import type { LearningStatus } from "../../src/runtime/learning/status";
import { MemoryHistory } from "../../src/runtime/memoryHistory";
import type { Recommender } from "../../src/runtime/recommender";
import { Learning } from "../../src/worker/learning";
import { openRecommender } from "../folder";

const TASTES: { one: string[]; none: string[] } = JSON.parse(
  readFileSync(join(inject("bundles"), "tastes.json"), "utf8"),
);

let recommender: Recommender;
let history: MemoryHistory;

beforeEach(async () => {
  recommender = await openRecommender(join(inject("bundles"), "learning"));
  history = new MemoryHistory();
});

async function remember(itemIds: readonly string[]): Promise<void> {
  for (const itemId of itemIds) {
    const event: NewEvent = { itemId, event: "click", at: 1, title: null };
    await history.add(event);
  }
}

const ALONE = async () => async () => undefined;

/** A tab that learns; `lock` is what tabs of one browser share. */
function tab(lock: () => Promise<(() => Promise<void>) | null> = ALONE) {
  const told: LearningStatus[] = [];
  let changes = 0;
  let lists: Promise<unknown> = Promise.resolve();
  const learning = new Learning(
    {
      history,
      notify: (_, value) => told.push(value as LearningStatus),
      inTurn: (work) => {
        const running = lists.then(work);
        lists = running.catch(() => undefined);
        return running;
      },
      lock,
      changed: async () => {
        changes++;
      },
    },
    0,
  );
  const last = () => told.at(-1) ?? null;
  /** Learn until there is nothing more to do. */
  const learn = async (): Promise<void> => {
    const before = changes;
    learning.schedule(recommender);
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(before + 1);
    await learning.adapt(recommender);
  };
  return { learning, told, last, learn, changes: () => changes };
}

async function list(itemIds: readonly string[]): Promise<readonly number[]> {
  return (await recommender.rank(recommender.items.rowsOf(itemIds), new Set(), 12)).rows;
}

/** A lock that one at a time has. */
function sharedLock() {
  let isHeld = false;
  return async () => {
    if (isHeld) return null;
    isHeld = true;
    return async () => {
      isHeld = false;
    };
  };
}

/** What is kept of learning. */
async function kept(): Promise<{ readonly steps: number; readonly adapter: unknown }> {
  return JSON.parse(String(await history.setting(LEARNING_SETTING)));
}

/** Whether the first update of a session has been kept. */
async function isBegun(): Promise<boolean> {
  return String(await history.setting(LEARNING_SETTING)).includes('"optimizer"');
}

async function optimizer(): Promise<string> {
  const record = JSON.parse(String(await history.setting(LEARNING_SETTING)));
  return record.adapter.optimizer;
}

describe("learning", () => {
  test("of one taste changes the lists, and says by how much it helped", async () => {
    await remember(TASTES.one);
    const { learn, last } = tab();
    const before = await list(TASTES.one);

    await learn();

    expect(last()).toMatchObject({ state: "helps", used: true, decision: { nTried: 9, helps: true } });
    expect(await list(TASTES.one)).not.toEqual(before);
  });

  test("of no taste at all leaves the lists as they are, and says so", async () => {
    await remember(TASTES.none);
    const { learn, last } = tab();
    const before = await list(TASTES.none);

    await learn();

    expect(last()).toMatchObject({ state: "does not help", used: false, decision: { nTried: 9, helps: false } });
    expect(await list(TASTES.none)).toEqual(before);
  });

  test("waits for enough choices", async () => {
    await remember(TASTES.one.slice(0, 7));
    const { learning, last, changes } = tab();

    learning.schedule(recommender);

    await expect.poll(() => last()?.state).toBe("few events");
    await learning.close();
    expect(changes()).toBe(0);
  });

  test("that ends with the page goes on after it is loaded again, to the same bytes", async () => {
    await remember(TASTES.one);
    await tab().learn();
    const whole = await optimizer();
    await history.set(LEARNING_SETTING, null);
    const first = tab();
    first.learning.schedule(recommender);
    await expect.poll(isBegun).toBe(true);
    await first.learning.close();
    expect(JSON.parse(String(await history.setting(LEARNING_SETTING))).adapter).toBeNull();
    await tab().learn();

    expect(await optimizer()).toBe(whole);
  });

  test("stores nothing after the data has been deleted", async () => {
    await remember(TASTES.one);
    const { learning, changes } = tab();

    learning.schedule(recommender);
    await expect.poll(isBegun).toBe(true);
    await history.clear();
    await expect.poll(changes, { timeout: 10_000 }).toBe(1);

    expect(await history.setting(LEARNING_SETTING)).toBeNull();
  });

  test.each([
    ["delete", 1],
    ["remove", 1],
    ["import", 1],
    ["delete", 10],
    ["remove", 10],
    ["import", 10],
  ])("of one tab does not bring back what another tab has erased (%s, after %i updates)", async (erase, nUpdates) => {
    await remember(TASTES.one);
    const learner = (): PersonalLearner => {
      const { learning } = recommender.manifest;
      if (learning === null) throw new Error("the bundle does not learn");
      const settings = { ...learning, updates: 10 };
      return new PersonalLearner(recommender.learnable, settings, history, (engine, vectors, small) =>
        engine.encode(vectors, small),
      );
    };
    const [one, other] = [learner(), learner()];
    const work = one.work();
    while ((await one.status()).nUpdates < nUpdates) await work.next();

    if (erase === "delete") await history.clear();
    else if (erase === "remove") await other.forget([TASTES.one.length]);
    else await history.merge([{ itemId: TASTES.none[0] ?? "", event: "click", at: 2, title: null }]);
    await new KeptRecord(history).create(); // as the other tab does when it begins to learn
    await one.status(); // which reads that record
    while (!(await work.next()).done);

    expect(await new KeptRecord(history).read()).toMatchObject({ session: null, adapter: null });
  });

  test("is erased by removing an event also before any list was asked for", async () => {
    await remember(TASTES.one);
    await tab().learn();

    await tab().learning.forget([1]);

    expect(String(await history.setting(LEARNING_SETTING))).not.toContain('"optimizer"');
  });

  test("is undone by the switch, and by removing an event that it learned from", async () => {
    await remember(TASTES.one);
    const { learn, learning, last } = tab();
    const before = await list(TASTES.one);
    await learn();
    const adapted = await list(TASTES.one);

    await learning.switch(false);
    await learning.adapt(recommender);
    expect(await list(TASTES.one)).toEqual(before);
    expect(last()?.state).toBe("off");
    await learning.switch(true);
    await learning.adapt(recommender);
    expect(await list(TASTES.one)).toEqual(adapted);
    await learning.forget([1]);
    await learning.adapt(recommender);
    expect(await list(TASTES.one)).toEqual(before);
  });

  test("of two tabs is done by one, and by the other one when that is closed, without a step that is made twice", async () => {
    await remember(TASTES.one);
    const alone = tab();
    await alone.learn();
    const { steps, adapter } = await kept();
    history = new MemoryHistory();
    await remember(TASTES.one);
    const lock = sharedLock();
    const [first, second] = [tab(lock), tab(lock)];

    first.learning.schedule(recommender);
    await expect.poll(isBegun, { timeout: 10_000 }).toBe(true);
    second.learning.schedule(recommender);
    await first.learning.close();
    await expect.poll(second.changes, { timeout: 10_000 }).toBe(1);

    expect(first.changes()).toBe(0);
    expect((await kept()).steps).toBe(steps);
    expect((await kept()).adapter).toEqual(adapter);
  });
});
