"""Find the IP addresses from which Asterisk connects, by resolving `ami.host`."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from dialer.domain.errors import SwitchError


async def resolve_asterisk_addresses(host: str) -> tuple[str, ...]:
    """Return the IP addresses of a host name or address. Raises SwitchError if the name cannot be resolved."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 letters
        raise SwitchError(
            f"cannot find the IP address of Asterisk, because the name {host} cannot be resolved: correct `ami.host`, "
            "or set it to an IP address"
        ) from error
    return tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))
