"""``pocketrec targets``, ``export``, ``add-items``, ``verify`` and ``diff``."""

from export.commands.checking import diff, verify
from export.commands.describing import targets
from export.commands.exporting import export
from export.commands.growing import add_items

__all__ = ["add_items", "diff", "export", "targets", "verify"]
