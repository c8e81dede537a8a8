"""Makes a folder in one step: it is there whole, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from train.errors import DataError

_ORDINARY_RIGHTS = 0o755


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a hidden folder beside ``out`` to write into, which becomes ``out`` when the block ends without an error.

    After an error neither is there, nor a parent of ``out`` that was made for it.

    Raises:
        DataError: ``out`` is a file, or a folder that holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a folder that is not empty" if out.is_dir() else "a file"
        raise DataError(f"{out}: found {found}; nothing is overwritten. Remove it, or choose another --out.")
    out = out.resolve()
    missing = [parent for parent in out.parents if not parent.exists()]
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield draft
        draft.chmod(_ORDINARY_RIGHTS)
        os.replace(draft, out)  # noqa: PTH105 (Path.replace says the same, but this one is documented to be atomic)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):  # somebody else may have put something there meanwhile
                parent.rmdir()
        raise
