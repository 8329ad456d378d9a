"""Default limits of IVR flows."""

from __future__ import annotations

MAX_PROMPT_SECONDS = 30.0
"""The maximum duration of a prompt."""
