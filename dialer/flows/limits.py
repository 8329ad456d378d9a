"""Limits of flows that apply unless somebody sets others."""

from __future__ import annotations

MAX_PROMPT_SECONDS = 30.0
"""The maximum duration of a prompt."""
