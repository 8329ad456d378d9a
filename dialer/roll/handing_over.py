"""A roll for the dialler that runs: read, cleaned and held against the store here, then handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.roll.importer import ImportOptions, ImportResult, PreparedImport, Progress, run_import
from dialer.store.spool import Spool


def hand_over_roll(
    prepared: PreparedImport,
    spool: Spool,
    options: ImportOptions,
    *,
    list_id: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[str, ImportResult]:
    """Hand a roll over: its id, and what its import will do to the store as it stands now. It stands in the spool until it is
    removed, with a dry run too. Nothing is written to the store.

    Raises what `import_file` raises; nothing is left in the spool then.
    """
    list_id = list_id or spool.new()
    rejects = options.rejects_path
    if options.dry_run and rejects is None:
        rejects = spool.path(list_id).with_suffix(".rejects.csv")  # it goes with the rest
    here = replace(options, dry_run=False, rejects_path=rejects)
    try:
        spool.prepare_roll(list_id)
        result = run_import(prepared, spool.path(list_id), here, progress=progress, key=spool.key)
        found = spool.against_store(list_id)
    except BaseException:
        spool.remove(list_id)
        raise
    result.voters -= found.same
    result.unchanged += found.same
    result.numbers, result.links, result.opted_out = found.numbers, found.links, found.opted_out
    result.dry_run = options.dry_run
    if options.dry_run:
        result.rejects_path = options.rejects_path
    return list_id, result
