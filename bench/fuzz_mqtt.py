"""Fuzzes the checks of command messages: no crash, none accepted, constant memory.

`python -m bench.fuzz_mqtt [count] [seed]`: ten million by default, in some minutes; 50,000 run with the tests
(tests/attack/test_forged_commands.py).
"""

from __future__ import annotations

import gc
import random
import resource
import sys
import time

from dialer.mqtt.commands.checks import RefusedCommand, check_command_message
from dialer.mqtt.commands.message import parse_command_message
from tests.attack.malformed import make_malformed, make_valid_commands
from tests.attack.test_forged_commands import CENTRE, NOW, SIGNED

BATCH = 500_000


def main() -> None:
    """Run and print a line per half million messages: count, CPU seconds, peak memory, allocated blocks."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    chance, seeds = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1), make_valid_commands(NOW)
    for done in range(0, count, BATCH):
        for _ in range(min(BATCH, count - done)):
            opened = parse_command_message(make_malformed(chance, seeds))
            parsed = check_command_message(opened, "supervisor", SIGNED, CENTRE, retained=False, now=NOW)
            assert isinstance(parsed, RefusedCommand), parsed
        gc.collect()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{done + BATCH:>12,} {time.process_time():8.1f} s {resident:7.1f} MB {sys.getallocatedblocks():>9,} blocks"
        )


if __name__ == "__main__":
    main()
