"""The page docs/reference/speed.md, generated from bench/figures.json: `python -m bench.speed_page docs/reference`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_name("figures.json")
PAGE = "speed.md"
_HEAD = """# Speed

For engineers. `make bench` measures all of this again; the head of each table names its benchmark
(`python -m bench.bench_engine`). "X / ours" is the cost of a contender divided by ours in the same run: above 1, ours is
cheaper; "limit" is the bare minimum of work. "Load" is the load average at the start: above the number of cores, other
programs made waits and CPU times longer, but changed ratios little.
"""
TITLES = {
    "engine": "The whole engine: 300 channels, 30 call starts per second, IVR flow",
    "paced": "60 agents, predictive, 5 call starts per second, MQTT",
    "servers-one": "300 seats on one Asterisk server, second and third minute of dialling",
    "servers-three": "300 seats on three Asterisk servers, second and third minute of dialling",
    "seats": "10 to 1,000 seats in virtual time, with the simulated Asterisk",
    "next_call": "Choosing the next number",
    "cps_queue": "A trunk at its CPS limit",
    "start": "A start with 4,802 prompts",
    "store": "The store",
    "import": "Importing a roll",
    "ami": "AMI",
    "agi": "FastAGI",
    "audio": "Preparing prompts",
    "desk": "Screen pop: 100 agents, 20 boards",
    "desk_load": "A hundred sign-ins and five reports at once",
    "headquarters": "Headquarters of 300 centres",
    "hq_cluster-nats-servers": "Headquarters on three machines: nats-server fails",
    "hq_cluster-PostgreSQL": "Headquarters on three machines: PostgreSQL fails",
    "uplink": "A centre with headquarters",
}
"""Each bench with figures, in the order of the page."""


def speed_page(stored: dict[str, Any]) -> str:
    """Return the page of the stored figures. Only tables measured elsewhere than most say where they were measured."""
    origins = Counter(f"{each['date']}, {each['machine']}" for each in stored.values())
    usual = max(origins, key=origins.__getitem__)
    lines = [_HEAD, f"If a table does not say otherwise: measured {usual}.", ""]
    for bench, title in TITLES.items():
        if bench in stored:
            origin = f"{stored[bench]['date']}, {stored[bench]['machine']}"
            lines += [f"## {title}", "", *([] if origin == usual else [f"Measured {origin}.", ""])]
            load = f", load {stored[bench]['load']}" if "load" in stored[bench] else ""
            lines += [f"|`bench_{bench.partition('-')[0]}`{load}|measured|goal|", "|---|---|---|"]
            for case, figures in groupby(stored[bench]["figures"], key=lambda figure: figure[0].rpartition(": ")[0]):
                rows = list(figures)
                grouped = case and len(rows) > 1  # a row of its own names what the next rows have in common
                lines += [f"|**{case}**|||"] if grouped else []
                lines += [
                    f"|{what.rpartition(': ')[2] if grouped else what}|{value}|{goal}|" for what, value, goal in rows
                ]
            lines += [""]
    return "\n".join(lines)


if __name__ == "__main__":
    page = speed_page(json.loads(FIGURES.read_text(encoding="utf-8")))
    (Path(sys.argv[1]) / PAGE).write_text(page, encoding="utf-8")
