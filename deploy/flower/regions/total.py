"""The total: adds up the sums of all regions as Python's integers, which do not round, and writes them to a file."""

import json
import time
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp

TIMEOUT_S = 300.0

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Wait for as many regions as the run's configuration says, and write the total to its file ``out``."""
    wanted, end = int(context.run_config["regions"]), time.monotonic() + TIMEOUT_S
    while len(nodes := list(grid.get_node_ids())) < wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"found {len(nodes)} regions, expected {wanted}. Start the missing SuperNodes.")
        time.sleep(0.5)
    ask = RecordDict({"ask": ConfigRecord({})})
    questions = [Message(ask, dst_node_id=node, message_type=MessageType.QUERY) for node in nodes]
    answers = list(grid.send_and_receive(questions, timeout=TIMEOUT_S))
    failed = [answer for answer in answers if answer.has_error()]
    if failed or len(answers) != wanted:
        raise RuntimeError(f"{len(answers) - len(failed)} of {wanted} regions answered. Nothing was written.")
    total = added([json.loads(str(answer.content["sum"]["json"])) for answer in answers])
    out = Path(str(context.run_config["out"]))
    half = out.with_name(f"{out.name}.part")
    half.write_text(json.dumps(total), encoding="utf-8")
    half.replace(out)


def added(sums: list[dict]) -> dict:
    """Return the sum of sums, exactly.

    Raises:
        ValueError: two have different terms, or a region is there twice.
    """
    regions = {region: number for one in sums for region, number in one["regions"].items()}
    if len({one["terms"] for one in sums}) != 1 or len(regions) != sum(len(one["regions"]) for one in sums):
        raise ValueError("found sums of different terms, or a region twice. Export each region's round of one plan.")
    return {
        "regions": regions,
        "terms": sums[0]["terms"],
        "weight": sum(one["weight"] for one in sums),
        "merged": sum(one["merged"] for one in sums),
        "values": [sum(column) for column in zip(*(one["values"] for one in sums), strict=True)],
    }
