"""Settings of all tests: fuzzing remembers the inputs that failed, and tries them first in the next run."""

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocketrec"

settings.register_profile("pocketrec", database=DirectoryBasedExampleDatabase(_CACHE / "fuzz"), print_blob=True)
settings.load_profile("pocketrec")
