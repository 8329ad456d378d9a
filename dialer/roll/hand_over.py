"""Passing an electoral roll to a running dialler. The roll is cleaned and written to a folder (the spool), from which
the dialler imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.roll.importer import ImportOptions, ImportResult, PreparedImport, Progress, import_prepared_roll
from dialer.store.spool import Spool


def send_roll_to_running_dialler(
    prepared: PreparedImport,
    spool: Spool,
    options: ImportOptions,
    *,
    list_id: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[str, ImportResult]:
    """Put a cleaned electoral roll into the spool, the folder from which the running dialler imports rolls.

    Return the roll's ID in the spool, and what its import would change. The store is not changed. The roll stays in the
    spool until it is removed, even after a dry run. After an error nothing stays in the spool.
    """
    list_id = list_id or spool.begin_upload()
    rejects = options.rejects_path
    if options.dry_run and rejects is None:
        rejects = spool.get_path_of_spooled_file(list_id).with_suffix(".rejects.csv")  # removed together with the roll
    spool_options = replace(options, dry_run=False, rejects_path=rejects)
    try:
        spool.create_file_for_roll(list_id)
        result = import_prepared_roll(
            prepared, spool.get_path_of_spooled_file(list_id), spool_options, progress=progress, key=spool.key
        )
        found = spool.compare_uploaded_roll_with_store(list_id)
    except BaseException:
        spool.remove_spooled_file(list_id)
        raise
    result.voters -= found.unchanged
    result.unchanged += found.unchanged
    result.numbers, result.links, result.opted_out = found.numbers, found.links, found.opted_out
    result.dry_run = options.dry_run
    if options.dry_run:
        result.rejects_path = options.rejects_path
    return list_id, result
