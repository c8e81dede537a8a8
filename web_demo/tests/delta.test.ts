import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFileEntry } from "../src/runtime/bundleJson";
import type { Bytes } from "../src/runtime/bytes";
import { Pack } from "../src/runtime/delta/pack";
import { DeltaError } from "../src/runtime/errors";
import { fieldsOf } from "./goldenArrays";

interface Case {
  readonly name: string;
  readonly file: { readonly name: string };
  readonly old: string | null;
  readonly pack: string;
  readonly new: string | null;
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/deltas.json"), "utf8"),
);

function bytesOf(text: string): Bytes {
  return Uint8Array.from(Buffer.from(text, "base64"));
}

async function apply({ file, old, pack }: Case): Promise<Bytes> {
  const read = Pack.read(bytesOf(pack), { files: [readFileEntry(fieldsOf(file))] });
  return await read.apply(file.name, old === null ? null : bytesOf(old));
}

describe("a delta leads to the file that Python makes of it", () => {
  test.each(cases.filter((one) => one.new !== null))("$name", async (one) => {
    expect(Buffer.from(await apply(one)).toString("base64")).toBe(one.new);
  });
});

test("a pack that makes too much is refused before it is decompressed", () => {
  const [{ file, pack }] = cases as [Case];
  const entry = readFileEntry(fieldsOf(file));
  const read = () => Pack.read(bytesOf(pack), { files: [{ ...entry, bytes: 64 * 2 ** 20 + 1 }] });
  expect(read).toThrow("found a file of 67108865 bytes, expected at most 67108864");
});

describe("a delta that Python refuses is refused", () => {
  test.each(cases.filter((one) => one.new === null))("$name", async (one) => {
    await expect(apply(one)).rejects.toThrow(DeltaError);
  });
});

describe("a changed byte leads to the same file, or to a refusal", () => {
  test.each(cases.filter((one) => one.new !== null))("$name", async (one) => {
    const pack = bytesOf(one.pack);
    for (let index = 0; index < pack.length; index += 7) {
      const changed = pack.map((byte, at) => (at === index ? byte ^ (1 << (index % 8)) : byte));
      const found = await apply({ ...one, pack: Buffer.from(changed).toString("base64") }).catch((error) => error);

      if (found instanceof Error) expect(found).toBeInstanceOf(DeltaError);
      else expect(Buffer.from(found).toString("base64")).toBe(one.new);
    }
  });
});

test("a delta that is applied to another file is refused, and so is a file without a delta", async () => {
  const [one] = cases;
  if (one === undefined) throw new Error("there are no cases");
  const pack = Pack.read(bytesOf(one.pack), { files: [readFileEntry(fieldsOf(one.file))] });

  expect(pack.names).toEqual([one.file.name]);
  await expect(pack.apply(one.file.name, bytesOf(one.pack))).rejects.toThrow(DeltaError);
  await expect(pack.apply("other", null)).rejects.toThrow(DeltaError);
});
