"""Charts drawn by matplotlib and saved as PNG or SVG files. Needs the extra `plots`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.paths import is_directory
from dialer.errors import MatdanError
from dialer.extras import describe_extra_installation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CannotPlot(MatdanError):
    """Raised if a chart cannot be drawn or saved. The message says what is missing or which file name to choose."""


def check_picture_path(path: Path) -> None:
    """Raise CannotPlot if matplotlib is missing, or if `path` is not a .png or .svg file that can be created."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise CannotPlot(f"{path}: the picture must be a .png or .svg file")
    try:
        folder_exists, is_folder = is_directory(path.parent), is_directory(path)
    except OSError as error:
        raise CannotPlot(f"{path}: the picture cannot be written ({error.strerror}); choose another file") from error
    if not folder_exists:
        raise CannotPlot(f"{path}: the folder {path.parent} does not exist; create it first")
    if is_folder:
        raise CannotPlot(f"{path} is a folder; name a .png or .svg file in it")
    if find_spec("matplotlib") is None:
        raise CannotPlot(f"pictures need matplotlib: {describe_extra_installation('plots')}")


def save_picture(figure: Figure, path: Path) -> None:
    """Save a figure as PNG or SVG, depending on the file's name. The same figure always gives the same bytes.

    Raises:
        CannotPlot: The file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415  # as above

    with mpl.rc_context({"svg.hashsalt": "matdan"}):
        try:
            figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise CannotPlot(
                f"{path}: the picture cannot be written ({error.strerror}); choose another file"
            ) from error
