"""What to install where a module is missing; nothing is said of a module that no part of the project brings."""

import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from typing import Final

PARTS: Final = ("train", "export", "server")
"""Parts of the project that a checkout has and the device's wheel lacks; each has an extra of the same name."""

_DISTRIBUTION: Final = {"PIL": "pillow", "llama_cpp": "llama-cpp-python"}
_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+)[^;]*(?:;.*\bextra\s*==\s*["']([\w-]+)["'])?""")


def what_is_missing(error: ModuleNotFoundError, command: str) -> str | None:
    """Return what a command lacks and how to install it, or None where the error is the project's own fault.

    Args:
        error: that an import raised.
        command: name of the sub-command.
    """
    module = (error.name or "").partition(".")[0]
    if not module or find_spec(module) is not None:
        return None
    if module in PARTS:
        return (
            f"`pocketrec {command}` is not part of this installation, which has the device's commands alone (found no "
            f"module {module!r}). Work in a checkout of the project: `make setup`, or `pip install -e '.[{module}]'`."
        )
    requirements = _requirements()
    name = _DISTRIBUTION.get(module, module.replace("_", "-").lower())
    if name not in requirements:
        return None
    extra = requirements[name]
    what = f"pocketrec[{extra}]" if extra else "pocketrec"
    return (
        f"`pocketrec {command}` needs {name}, which is not installed (found no module {module!r}). Install it with "
        f"`pip install '{what}'`, or in a checkout with `make setup`."
    )


def _requirements() -> dict[str, str]:
    """Return the smallest extra that brings each distribution; an empty text is the base installation."""
    try:
        found = [match for line in requires("pocketrec") or () if (match := _REQUIREMENT.match(line))]
    except PackageNotFoundError:
        return {}
    size = Counter(match[2] for match in found)
    found.sort(key=lambda match: (match[2] is not None, size[match[2]]))
    return {match[1].lower().replace("_", "-"): match[2] or "" for match in reversed(found)}
