"""The type of path arguments in the public API."""

import os

AnyPath = str | os.PathLike[str]
