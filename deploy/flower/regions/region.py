"""A region: hands over the file that ``pocketrec rounds export-sum`` wrote."""

from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.query()
def hand_over(message: Message, context: Context) -> Message:
    """Answer with the file that this node's configuration names as ``sum``."""
    text = Path(str(context.node_config["sum"])).read_text(encoding="utf-8")
    return Message(RecordDict({"sum": ConfigRecord({"json": text})}), reply_to=message)
