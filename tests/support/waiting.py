"""How long a test waits for an event that must come: until it comes.

A wait needs an end only so that a test which hangs is reported with its own name. This end says nothing about speed, so it is
beyond what a heavily loaded machine needs, and one figure serves every test.
"""

from __future__ import annotations

from typing import Final

HANG_SECONDS: Final = 60.0
