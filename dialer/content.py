"""The content that ships with Matdan: flows, scripts, texts, jurisdictions, templates and example settings.

People who do not program edit these files, so they are not inside a Python package. A checkout has them in the
top-level folders `ivr_flows/`, `audio/` and `config/`, a wheel in `dialer/content/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_INSTALLED = Path(__file__).parent / "content"
CHECKOUT: Final = None if _INSTALLED.is_dir() else Path(__file__).parents[1]
"""The root of the checkout that this code runs from; None where it was installed from a wheel."""

_ROOT = CHECKOUT or _INSTALLED

AUDIO: Final = _ROOT / "audio"
CONFIG: Final = _ROOT / "config"
IVR_FLOWS: Final = _ROOT / "ivr_flows"
