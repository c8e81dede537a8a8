/** Lets Python write the bundles that both runtimes are tested with, so that none is in the repository. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    bundles: string;
  }
}

const ROOT = resolve(import.meta.dirname, "../..");

export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "pocketrec-bundles-"));
  const inCheckout = join(ROOT, ".venv/bin/python");
  const python = process.env["PYTHON"] ?? (existsSync(inCheckout) ? inCheckout : "python3");
  const { status, stderr } = spawnSync(python, ["-m", "tests.web_demo.bundles", folder], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${python} could not write the bundles; run \`make setup\` first.\n${stderr}`);
  project.provide("bundles", folder);
  return () => rmSync(folder, { recursive: true });
}
