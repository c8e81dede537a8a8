"""How much memory the library of an engine takes, in a process of its own.

Request: ``{"engine": name}``. Answer: ``{"bytes": resident, "error": why it cannot be imported, or empty}``.
"""

import json
import sys

from edge_runtime.profiling.cold import resident


def main() -> None:
    """Import the library, and print one JSON object."""
    import numpy  # noqa: F401 - every engine needs it

    name, before, fault = json.load(sys.stdin)["engine"], resident(), ""
    try:
        if name == "onnxruntime":
            from edge_runtime.engines.onnxruntime import library

            library()
        elif name == "litert":
            from edge_runtime.engines.litert import interpreter_class

            interpreter_class()
    except ImportError as error:  # it is installed for another Python, or lacks something
        before, fault = resident(), str(error)
    sys.stdout.write(json.dumps({"bytes": max(0, resident() - before), "error": fault}))


if __name__ == "__main__":
    main()
