"""Builds the encoder files of one student, each of them once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.probe.target import EngineChoice
from export.parts import PartCache, digest_of
from export.quantize import QuantizedEncoder, quantize_encoder
from train.distill.student import DeviceEncoder, Student


class Encoders:
    """The encoder of a student, quantized once, in all file formats.

    Attributes:
        quantized: the encoder that all int8 files contain and that computes the golden vectors.
    """

    def __init__(self, student: Student, encoder: DeviceEncoder, parts: PartCache) -> None:
        self.quantized: QuantizedEncoder = quantize_encoder(encoder)
        self._encoder = encoder
        self._student = student
        self._parts = parts
        self._weights = dump_arrays(self.quantized.arrays())

    def files(self, choices: Sequence[EngineChoice], opset: int) -> dict[str, bytes]:
        """Return the file of each engine variant by file name, in order; variants may share a file.

        Args:
            choices: the variants.
            opset: version of the operators in ONNX graphs.

        Raises:
            EngineError: a converter fails, or rewrites the weights.
        """
        # The TFLite converter runs in another process for half a minute; the other files are built meanwhile.
        with ThreadPoolExecutor() as pool:
            pending = {each.file: pool.submit(self._file, each, opset) for each in choices if each.engine == "litert"}
            built = {each.file: self._file(each, opset) for each in choices if each.engine != "litert"}
            return {
                each.file: built[each.file] if each.file in built else pending[each.file].result() for each in choices
            }

    def _file(self, choice: EngineChoice, opset: int) -> bytes:
        if choice.engine == "reference":
            return self._weights
        inputs = {"weights": digest_of(self._weights), "config": repr(self._encoder.config), **self._sizes}
        if choice.engine != "litert":
            inputs["opset"] = opset
        if choice.precision == "fp32":
            floats = {name: tensor.numpy() for name, tensor in self._encoder.state_dict().items()}
            inputs["weights"] = digest_of(dump_arrays(floats))
        return self._parts.get(choice.file, inputs, lambda: self._convert(choice, opset))

    @property
    def _sizes(self) -> dict[str, int]:
        return {
            "n_prompts": len(self._student.prompts["prompts"]),
            "adapter_rank": self._student.adapter["a"].shape[1],
        }

    def _convert(self, choice: EngineChoice, opset: int) -> bytes:
        if choice.engine == "litert":
            from export.encoder_tflite import export_tflite, export_tflite_int8

            if choice.precision == "fp32":
                return export_tflite(self._encoder, **self._sizes)
            return export_tflite_int8(self.quantized, **self._sizes)
        from export.encoder_onnx import export_onnx, export_onnx_int8

        if choice.precision == "fp32":
            return export_onnx(self._encoder, **self._sizes, opset=opset)
        return export_onnx_int8(self.quantized, **self._sizes, opset=opset)
