import { describe, expect, test } from "vitest";
import { loadArrays } from "../src/runtime/arrays";
import type { Bundle } from "../src/runtime/bundle";
import { ProductCodes } from "../src/runtime/codes";
import { type Engine, readSmall, type SmallMatrices } from "../src/runtime/encoder";
import { KnowledgeSwitch } from "../src/runtime/knowledge";
import { GOOD, openBundle } from "./folder";

/** Answers with the wanted item where there is knowledge and with its opposite elsewhere, or the other way round. */
class Oracle implements Engine {
  readonly name = "oracle";
  readonly precision = "fp32";
  readonly asked: boolean[] = [];

  constructor(
    private readonly wanted: Float32Array,
    private readonly knowledgeHelps: boolean,
  ) {}

  async encode(_embeddings: Float32Array, small: SmallMatrices): Promise<Float32Array> {
    const known = small.knowledge.some((value) => value !== 0);
    this.asked.push(known);
    return this.wanted.map((value) => (known === this.knowledgeHelps ? value : -value));
  }
}

async function parts(): Promise<{ codes: ProductCodes; small: SmallMatrices }> {
  const bundle: Bundle = await openBundle(GOOD);
  const file = await bundle.role("codes");
  const codes = ProductCodes.read(loadArrays(file.data, file.name), bundle.manifest.catalogue, file.name);
  return { codes, small: await readSmall(bundle) };
}

/** The same item again and again, so that one state suits every event. */
const LOYAL = [7, 7, 7, 7, 7, 7];

describe("a bundle's knowledge", () => {
  test.each([true, false])("is used where it helped before: %s", async (helps) => {
    const { codes, small } = await parts();
    const engine = new Oracle(codes.decode([7]), helps);

    await new KnowledgeSwitch(codes, small).encode(engine, LOYAL, codes.decode(LOYAL));

    expect(engine.asked.at(-1)).toBe(helps);
  });

  test("is used where the past is too short to judge", async () => {
    const { codes, small } = await parts();
    const engine = new Oracle(codes.decode([7]), false);

    await new KnowledgeSwitch(codes, small).encode(engine, [7, 7], codes.decode([7, 7]));

    expect(engine.asked).toEqual([true]);
  });

  test("that is all zero costs nothing", async () => {
    const { codes, small } = await parts();
    const engine = new Oracle(codes.decode([7]), false);
    const nothing = { ...small, knowledge: new Float32Array(small.knowledge.length) };

    await new KnowledgeSwitch(codes, nothing).encode(engine, LOYAL, codes.decode(LOYAL));

    expect(engine.asked).toHaveLength(1);
  });

  test("costs two more encodes for one more event", async () => {
    const { codes, small } = await parts();
    const engine = new Oracle(codes.decode([7]), true);
    const knowledge = new KnowledgeSwitch(codes, small);
    await knowledge.encode(engine, LOYAL, codes.decode(LOYAL));
    const before = engine.asked.length;

    await knowledge.encode(engine, [...LOYAL, 7], codes.decode([...LOYAL, 7]));

    expect(engine.asked.length - before).toBe(3);
  });
});
