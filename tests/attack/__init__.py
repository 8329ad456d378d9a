"""Attacks on the dialler: intruders, crashes and broken connections, many thousand times each.

- `python -m tests.attack.kill_histories --histories 10000 --seed 1`: kills diallers at random steps, half of them by a power loss
  that loses unsynced writes, in virtual time, on a simulated telephone network.
- `python -m tests.attack.kill_real --rounds 300`: kills dialler processes with SIGKILL at random times, half of them with a
  power loss, on a simulated Asterisk over TCP.
- `python -m tests.attack.kill_while_disposing --dispositions 1000`: the same for dialler, desk, broker and agents' pages while
  agents dispose of calls.
- `python -m tests.attack.headquarters_histories --histories 100 --seed 1`: replaces, restores, doubles and sets back the stores of
  a headquarters' centres, with wrong clocks and copies of the nats-server put back, in virtual time.
- `python -m bench.fuzz_asterisk 10000000`: feeds malformed AMI, AGI and script input to the decoders.

Short runs are part of the test suite (`tests/attack/test_*.py`).
"""
