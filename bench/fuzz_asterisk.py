"""Fuzzes the readers of AMI, AGI and script lines: only the documented errors, and constant memory.

`python -m bench.fuzz_asterisk [count] [seed]`: ten million by default; 200,000 run with the tests
(tests/attack/test_malformed_inputs.py).
"""

from __future__ import annotations

import gc
import random
import resource
import sys
import time

from tests.attack.malformed_asterisk import READERS

BATCH = 500_000


def main() -> None:
    """Run and print a line per half million inputs: count, CPU seconds, slowest input, peak memory, allocated blocks."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    chance, readers = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1), list(READERS.values())
    slowest = 0.0
    for done in range(0, count, BATCH):
        for number in range(min(BATCH, count - done)):
            began = time.thread_time()
            readers[number % len(readers)](chance)
            slowest = max(slowest, time.thread_time() - began)
        gc.collect()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{min(done + BATCH, count):>12,} {time.process_time():8.1f} s {slowest * 1000:6.1f} ms "
            f"{resident:7.1f} MB {sys.getallocatedblocks():>9,} blocks",
            flush=True,
        )


if __name__ == "__main__":
    main()
