"""The live board on a terminal, drawn from the engine's view."""

from dialer.board.render import BoardExtras, render_board
from dialer.board.runner import board_svg, run_board

__all__ = ["BoardExtras", "board_svg", "render_board", "run_board"]
