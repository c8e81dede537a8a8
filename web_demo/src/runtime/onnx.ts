/**
 * The encoder in ONNX Runtime: WebAssembly with one thread, the fastest setting for a model that takes a millisecond, or
 * WebGPU. One graph serves both (ADR 0032).
 */

import type * as Ort from "onnxruntime-web/wasm";
import type { Encoder } from "./bundleJson";
import type { Bytes } from "./bytes";
import type { Engine, SmallMatrices } from "./encoder";
import { EngineError } from "./errors";
import { checkGraph } from "./onnxGraph";

export type OrtModule = typeof Ort;

export class OnnxEngine implements Engine {
  private constructor(
    readonly name: "onnxruntime" | "webgpu",
    private readonly ort: OrtModule,
    private readonly session: Ort.InferenceSession,
    private readonly sizes: Encoder,
    readonly precision: string,
  ) {}

  /**
   * Create a session for the bytes of `encoder*.onnx`.
   *
   * @param name of the engine in the manifest: `webgpu` runs on a graphics processor.
   * @param ort the library for it, with `env.wasm` configured.
   * @throws EngineError the graph contains something that is not allowed.
   * @throws Error from ONNX Runtime if it cannot load the graph.
   */
  static async open(
    name: "onnxruntime" | "webgpu",
    ort: OrtModule,
    file: Bytes,
    sizes: Encoder,
    precision: string,
  ): Promise<OnnxEngine> {
    checkGraph(file, sizes);
    const session = await ort.InferenceSession.create(file, {
      executionProviders: [name === "webgpu" ? "webgpu" : "wasm"],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
    });
    return new OnnxEngine(name, ort, session, sizes, precision);
  }

  async encode(embeddings: Float32Array<ArrayBuffer>, small: SmallMatrices): Promise<Float32Array> {
    const { dim, maxLength, nPrompts, adapterRank } = this.sizes;
    const kept = embeddings.slice(Math.max(0, embeddings.length - maxLength * dim));
    const n = kept.length / dim;
    const tensor = (data: Float32Array, dims: number[]) => new this.ort.Tensor("float32", data, dims);
    const feeds: Record<string, Ort.Tensor> = {
      embeddings: tensor(kept, [1, n, dim]),
      mask: tensor(new Float32Array(n).fill(1), [1, n]),
      prompts: tensor(small.prompts, [nPrompts, dim]),
      knowledge: tensor(small.knowledge, [nPrompts, dim]),
      adapter_a: tensor(small.adapterA, [dim, adapterRank]),
      adapter_b: tensor(small.adapterB, [adapterRank, dim]),
    };
    // The exporter may have removed inputs that the graph does not use.
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => this.session.inputNames.includes(name)));
    const { state } = await this.session.run(used);
    if (state === undefined || !(state.data instanceof Float32Array))
      throw new EngineError("the graph has no float32 output called state");
    return state.data.slice(0, dim);
  }

  close(): Promise<void> {
    return this.session.release();
  }
}
