"""The embedded broker's process: `python -m dialer.mqtt.amqtt_process PORT`, on 127.0.0.1.

It is a separate process because amqtt would block the dialler's event loop. It ends on SIGTERM, and when its standard input is
closed, so that it does not outlive the dialler that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import warnings

from amqtt.broker import Broker

SHUTDOWN_SECONDS = 1.0


async def run_broker(port: int) -> None:
    """Run the broker until standard input is closed or SIGTERM is received."""
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 0}}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # A daemon thread, because reading from a silent pipe cannot be cancelled in an executor.
    threading.Thread(target=_wait_until_standard_input_is_closed, args=(loop, stop), daemon=True).start()
    broker = Broker({"listeners": listeners, "plugins": plugins})
    await broker.start()
    await stop.wait()
    # From Python 3.12 on a server waits for its last connection to close, and a silent client keeps one open for ever.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await broker.shutdown()


def _wait_until_standard_input_is_closed(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    os.read(0, 1)  # not sys.stdin, whose lock would block the end of the interpreter
    loop.call_soon_threadsafe(stop.set)


def main() -> None:
    """Run the MQTT broker on the port that is given on the command line."""
    warnings.simplefilter("ignore")  # amqtt's own deprecations do not concern users of the demo
    logging.disable(logging.WARNING)
    asyncio.run(run_broker(int(sys.argv[1])))


if __name__ == "__main__":
    main()
