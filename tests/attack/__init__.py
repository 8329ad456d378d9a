"""Attacks: what an outsider, a power cut or a bad line does to the dialler, by the thousand, each with the figure it must show.

- `python -m tests.attack.kill_histories --histories 10000 --seed 1`: diallers that are killed at every step of their work, in
  virtual time, on a line that places, answers, keys and loses events as the seed says.
- `python -m tests.attack.kill_real --rounds 300`: processes that die by SIGKILL at a moment that the seed draws, on a simulated
  Asterisk over TCP.
- `python -m bench.fuzz_asterisk 10000000`: malformed AMI, AGI and script input through their readers.

Short ones of each run with the other tests (`tests/attack/test_*.py`).
"""
