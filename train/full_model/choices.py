"""Names of backbones, plug-ins and suites on the command line. Imports nothing heavy, so that ``--help`` is fast."""

from typing import Literal, get_args

BackboneName = Literal["sasrec", "bert4rec", "gru4rec", "fdsa", "s3rec", "pinnerformer"]
# With "none", plug-ins rank alone and nothing is trained.
BackboneChoice = Literal["sasrec", "bert4rec", "gru4rec", "fdsa", "s3rec", "pinnerformer", "none"]
PluginName = Literal["corec", "sage", "llmrec", "recfusion", "coco", "transitions"]
SuiteName = Literal["corec", "sage", "llmrec", "recfusion", "coco", "transitions", "all"]

NO_BACKBONE = "none"
BACKBONES: tuple[BackboneName, ...] = get_args(BackboneName)
# In the order of application: plug-ins that change item vectors come before those that use them.
PLUGINS: tuple[PluginName, ...] = ("recfusion", "llmrec", "sage", "corec", "coco", "transitions")
