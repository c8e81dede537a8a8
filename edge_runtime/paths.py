"""What every public function takes for a path."""

import os

AnyPath = str | os.PathLike[str]
