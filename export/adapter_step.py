"""Writes the ONNX graph of a training step of the adapter: ``python -m export.adapter_step``.

The function of :mod:`edge_runtime.learning.adapter_step` in float32, as operators of the default domain that every ONNX
runtime has, also those without training. All sizes are symbolic, so that one file serves every bundle: ``n`` examples,
``m`` candidates, ``d`` dimensions, rank ``r``. Gradients are written out, because ``onnxruntime`` ended its training
support with 1.19.
"""

from typing import Final

import onnx
from onnx import parser

from edge_runtime.learning import adapter_step

PATH: Final = adapter_step.GRAPH

# IR version 9 is the first with operator set 20, the one of the encoder's graphs.
_GRAPH: Final = """
<ir_version: 9, opset_import: ["": 20], producer_name: "pocketrec">
adapter_step (
  float[n, d] states, float[m, d] vectors, float[n, m] following, float[n, m] offsets, int64[n] chosen,
  float[n] weights, float[d, r] adapter_a, float[r, d] adapter_b, float factor
) => (float loss, float[r, d] grad_b, float grad_factor) {
  columns = Constant <value_ints = [1]> ()
  off_on = Constant <value = float[2] {0.0, 1.0}> ()

  reduced = MatMul (states, adapter_a)
  change = MatMul (reduced, adapter_b)
  adapted = Add (states, change)
  by_dimension = Transpose <perm = [1, 0]> (vectors)
  products = MatMul (adapted, by_dimension)
  added = Mul (following, factor)
  all_scores = Add (products, added)
  scores = Add (all_scores, offsets)

  logarithms = LogSoftmax <axis = 1> (scores)
  total = ReduceSum <keepdims = 0> (weights)
  shares = Div (weights, total)
  places = Unsqueeze (chosen, columns)
  right = GatherElements <axis = 1> (logarithms, places)
  right_of_each = Squeeze (right, columns)
  weighted = Mul (shares, right_of_each)
  log_likelihood = ReduceSum <keepdims = 0> (weighted)
  loss = Neg (log_likelihood)

  probabilities = Exp (logarithms)
  n_candidates = Shape <start = 1, end = 2> (scores)
  truth = OneHot <axis = 1> (chosen, n_candidates, off_on)
  errors = Sub (probabilities, truth)
  share_of_row = Unsqueeze (shares, columns)
  slope = Mul (errors, share_of_row)
  slope_of_states = MatMul (slope, vectors)
  by_rank = Transpose <perm = [1, 0]> (reduced)
  grad_b = MatMul (by_rank, slope_of_states)
  slope_by_factor = Mul (slope, following)
  grad_factor = ReduceSum <keepdims = 0> (slope_by_factor)
}
"""


def adapter_step_graph() -> bytes:
    """Return the checked graph."""
    model = parser.parse_model(_GRAPH)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


if __name__ == "__main__":
    PATH.write_bytes(adapter_step_graph())
