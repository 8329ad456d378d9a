"""Commands that connect a centre to its headquarters (`dialer uplink`), or export messages for it (`dialer carry`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.options import SettingsFile, require_installed_package_extra
from dialer.domain.errors import HeadquartersUnreachable

if TYPE_CHECKING:
    from dialer.nats.messages import BatchRow
    from dialer.store.connection import Connection


def connect_centre_to_headquarters(
    config: SettingsFile,
    verbose: Annotated[bool, typer.Option("--verbose", help="Write debug logs.")] = False,
) -> None:
    """Stay connected to headquarters until SIGTERM or Ctrl-C: send results, receive updates of other centres.

    The process needs the centre's broker, and reads the dialler's store. Calls go on while it does not run.
    """
    import uvloop

    from dialer.cli.logs import configure_json_logging
    from dialer.settings.site import load_settings

    with require_installed_package_extra("uplink"):
        from dialer.uplink.uplink import serve_uplink
    settings = load_settings(config)
    configure_json_logging(verbose=verbose)
    uvloop.run(serve_uplink(settings))


def export_messages_for_headquarters(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to, such as a USB stick.")],
    config: SettingsFile,
) -> None:
    """Export pending messages for headquarters to a signed file while the connection is down.

    Headquarters imports it with `dialer hq import`. The messages are also sent after reconnection; duplicates are
    ignored.
    """
    from dialer.nats.messages import SendingStore
    from dialer.nats.nkey import read_private_key
    from dialer.nats.outbox_file import build_outbox_file_name, write_outbox_file
    from dialer.settings.site import load_settings
    from dialer.store import outbox
    from dialer.store.connection import open_store_for_reading
    from dialer.store.identity import read_store_identity
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.sqlite_errors import translate_sqlite_errors

    settings = load_settings(config)
    nkey_file, centre = settings.headquarters.nkey_file, settings.centre.id
    private = None if nkey_file is None else read_private_key(nkey_file)
    store, key = settings.store.path, read_store_key_of_site(settings)
    with translate_sqlite_errors(store), closing(open_store_for_reading(store, key=key)) as db:
        passed, last = outbox.read_last_outbox_id_at_headquarters(db), outbox.SQL.highest_id.fetch_only_value(db)
        if passed is None:
            raise HeadquartersUnreachable(
                f"{settings.store.path}: the store has no messages for headquarters: add [headquarters] to the "
                "settings and run the dialler first"
            )
        if last <= passed:
            typer.echo("no messages are pending for headquarters; no file was written")
            return
        path = folder / build_outbox_file_name(centre, passed + 1, last)
        rows = _read_unsent_messages_for_headquarters(db, passed, last)
        store_identity = replace(
            SendingStore(**asdict(read_store_identity(db))), run=""
        )  # the file may be imported later
        count = write_outbox_file(path, centre, passed + 1, last, rows, private, store_identity)
    typer.echo(f"{path}: {count:,} rows, {'signed' if private is not None else 'not signed: nkey_file is not set'}")


def _read_unsent_messages_for_headquarters(db: Connection, passed: int, last: int) -> Iterator[BatchRow]:
    """Yield the stored messages for headquarters after row `passed`, up to row `last`.

    Raises HeadquartersUnreachable if the connection has meanwhile sent some of them: then no file of messages is
    needed.
    """
    from dialer.store import outbox
    from dialer.uplink.batches import select_outbox_rows_for_headquarters

    yield from select_outbox_rows_for_headquarters(outbox.read_outbox_rows_between(db, passed, last))
    if outbox.read_last_outbox_id_at_headquarters(db) != passed:
        raise HeadquartersUnreachable(
            "no file was written, because the connection to headquarters works again and the messages are being "
            "sent: no action is needed"
        )
