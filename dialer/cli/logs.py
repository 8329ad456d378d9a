"""Where log lines go: nowhere much for who looks at a command, JSON for a dialler that runs."""

from __future__ import annotations

import logging
import sys

if not {"rich", "structlog"} & sys.modules.keys():
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # it would import rich, a seventh of what a start imports, for tracebacks that nobody is shown

    del sys.modules["rich"]
else:
    import structlog


def quiet_logging() -> None:
    """For commands that a person looks at: only errors, in one line, on standard error."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def json_logging(*, verbose: bool) -> None:
    """For the running dialler: a JSON object per line on standard error. No name and no number is ever in one."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
