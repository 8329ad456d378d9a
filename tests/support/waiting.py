"""The timeout of tests that wait for an event.

It only ensures that a hanging test is reported by its name. It does not measure speed, so it is longer than a heavily
loaded machine needs, and all tests share it.
"""

from __future__ import annotations

from typing import Final

HANG_SECONDS: Final = 60.0
