"""A mail server (SMTP) on this machine that keeps the mails it receives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default


@dataclass(slots=True)
class ReceivedMail:
    """A mail with the addresses of its envelope."""

    recipients: list[str]
    message: EmailMessage


@dataclass(slots=True)
class MailServer:
    """A mail server without encryption. `refusals` = how many mails it refuses first."""

    port: int = 0
    refusals: int = 0
    received: list[ReceivedMail] = field(default_factory=list)

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of one connection."""
        recipients: list[str] = []
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            match line.split(b":")[0].split()[0].upper():
                case b"RCPT":
                    recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
                    writer.write(b"250 OK\r\n")
                case b"DATA" if self.refusals:
                    self.refusals -= 1
                    writer.write(b"451 try again later\r\n")
                case b"DATA":
                    writer.write(b"354 go on\r\n")
                    body = await reader.readuntil(b"\r\n.\r\n")
                    message = BytesParser(policy=default).parsebytes(body.removesuffix(b".\r\n"))
                    assert isinstance(message, EmailMessage)
                    self.received.append(ReceivedMail(recipients, message))
                    writer.write(b"250 OK\r\n")
                case b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                case _:
                    writer.write(b"250 OK\r\n")
        writer.close()


@contextlib.asynccontextmanager
async def run_mail_server(refusals: int = 0) -> AsyncIterator[MailServer]:
    """Run a mail server while the context is open."""
    mails = MailServer(refusals=refusals)
    server = await asyncio.start_server(mails.serve_connection, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails
