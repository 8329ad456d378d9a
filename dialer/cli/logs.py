"""Configuration of logging: errors only for interactive commands, JSON lines for services."""

from __future__ import annotations

import logging
import sys

if not {"rich", "structlog"} & sys.modules.keys():
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # without rich, which it would import for tracebacks and which delays the start

    del sys.modules["rich"]
else:
    import structlog


def configure_quiet_logging() -> None:
    """Set up logging for interactive commands: only errors, one line each, on standard error."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def configure_json_logging(*, verbose: bool) -> None:
    """Set up logging for services: one JSON object per line on standard error.

    Logs never contain names or phone numbers.
    """
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
