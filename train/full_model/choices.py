"""The names that the command line offers. Imports nothing heavy, so that ``--help`` stays quick."""

from typing import Literal, get_args

BackboneName = Literal["sasrec", "bert4rec", "gru4rec", "fdsa", "s3rec", "pinnerformer"]
PluginName = Literal["corec", "sage", "llmrec", "recfusion", "coco"]
SuiteName = Literal["corec", "sage", "llmrec", "recfusion", "coco", "all"]

BACKBONES: tuple[BackboneName, ...] = get_args(BackboneName)
# In the order in which they are applied: what gives item vectors comes before what reads them.
PLUGINS: tuple[PluginName, ...] = ("recfusion", "llmrec", "sage", "corec", "coco")
