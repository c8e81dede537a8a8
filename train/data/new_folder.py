"""Creates a folder atomically: it appears complete, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from train.errors import DataError

_DEFAULT_MODE = 0o755


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a hidden folder next to ``out``, which is renamed to ``out`` when the block ends without an error.

    After an error it is removed, with all parents of ``out`` that were created for it.
    Unlike :func:`edge_runtime.files.replacing_folder`, it replaces nothing and leaves nothing behind.

    Raises:
        DataError: ``out`` is a file, or a folder that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a folder that is not empty" if out.is_dir() else "a file"
        raise DataError(
            f"{out}: found {found}; existing files are not overwritten. Remove it, or choose another --out."
        )
    out = out.resolve()
    missing = [parent for parent in out.parents if not parent.exists()]
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield draft
        draft.chmod(_DEFAULT_MODE)
        os.replace(draft, out)  # noqa: PTH105 (os.replace is documented to be atomic, Path.replace is not)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):  # not empty: another process has written to it in the meantime
                parent.rmdir()
        raise
