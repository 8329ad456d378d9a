"""The simulated Asterisk with a site's AMI secret.

python -m tests.journeys.simulated_asterisk SECRET [arguments of python -m dialer.simulation.asterisk]
"""

from __future__ import annotations

import sys
from dataclasses import replace

import uvloop

from dialer.simulation.asterisk.__main__ import parse_arguments, run_simulated_asterisk
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER

if __name__ == "__main__":
    secret, *arguments = sys.argv[1:]
    matdan = replace(LEAST_PRIVILEGE_USER, name="matdan", secret=secret)
    uvloop.run(run_simulated_asterisk(replace(parse_arguments(arguments), users=(matdan,))))
