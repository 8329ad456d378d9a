"""The addresses that Asterisk connects from: those of `ami.host`."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from dialer.domain.errors import SwitchError


async def addresses_of(host: str) -> tuple[str, ...]:
    """Return the addresses of a host now: itself, or what its name resolves to. Raises SwitchError for an unknown name."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 letters
        raise SwitchError(
            f"the name {host}, from which Asterisk connects to our FastAGI port, has no address: correct `ami.host`, "
            "or set it to an address"
        ) from error
    return tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))
