"""``pocketrec train`` and ``pocketrec distill``."""

from train.commands.distilling import distill
from train.commands.training import train

__all__ = ["distill", "train"]
