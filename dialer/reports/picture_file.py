"""Pictures that matplotlib writes to a file (PNG or SVG). Needs the extra `plots`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.errors import MatdanError
from dialer.extras import with_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CannotPlot(MatdanError):
    """A picture cannot be drawn. The text says what is missing or which file to name instead."""


def check_picture(path: Path) -> None:
    """Raise CannotPlot when matplotlib is missing or the file is neither PNG nor SVG."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise CannotPlot(f"{path}: the picture must be a .png or .svg file")
    try:
        there, taken = path.parent.is_dir(), path.is_dir()
    except OSError as error:
        raise CannotPlot(f"{path}: cannot be written ({error.strerror}); name another place") from error
    if not there:
        raise CannotPlot(f"{path}: the folder {path.parent} does not exist; make it first")
    if taken:
        raise CannotPlot(f"{path}: is a directory, so no picture can be written there; name a file")
    if find_spec("matplotlib") is None:
        raise CannotPlot(f"pictures need matplotlib: {with_extra('plots')}")


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as its file's name says, the same one from the same figures, byte for byte. Raises CannotPlot."""
    import matplotlib as mpl  # noqa: PLC0415  # as above

    with mpl.rc_context({"svg.hashsalt": "matdan"}):
        try:
            figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise CannotPlot(f"{path}: cannot be written ({error.strerror}); name another file") from error
