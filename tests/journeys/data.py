"""The data team's first day: importing valid and faulty rolls."""

from __future__ import annotations

import zipfile

import openpyxl

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey

KEY = "AC_NO,PART_NO,SLNOINPART"


def _write_roll(journey: Journey, name: str, header: str, *rows: str) -> None:
    (journey.folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the data team's first-day page; then import every kind of faulty roll."""
    journey.run_first_day_page()
    dry_run = "dialer import {} -c centre.toml --dry-run"

    _write_roll(journey, "second.csv", f"{KEY},NAME,MOBILE,ALT CONTACT", "174,1,1,Asha,9812345601,98123 45651")
    journey.run(
        dry_run.format("second.csv"), "ALT CONTACT: 1 of the first 1 cells", 'mobile = ["MOBILE", "ALT CONTACT"]'
    )
    (journey.folder / "both.toml").write_text('[columns]\nmobile = ["MOBILE", "ALT CONTACT"]\n')
    mapped = journey.run(f"{dry_run.format('second.csv')} --map both.toml", "2 numbers added")
    journey.require("ALT CONTACT: " not in mapped, "a mapped column is still reported as unmapped")

    _write_roll(journey, "deaf.csv", f"{KEY},AGE", "174,1,1,30")
    journey.run(dry_run.format("deaf.csv"), "no column is read as a phone number: no voter in this file can be called")

    _write_roll(journey, "title.csv", ",,  Electoral roll 2029", ",,", f"{KEY},NAME,MOBILE", "174,1,1,Asha,9812345601")
    journey.run(dry_run.format("title.csv"), "1 rows", "MOBILE mobile")

    names = (("mojibake", "à¤†à¤¶à¤¾", "decoded as Latin letters"), ("krutidev", "jke dqekj", "Kruti Dev"))
    for kind, name, expected in names:
        _write_roll(
            journey, f"{kind}.csv", f"{KEY},NAME HI,MOBILE", f"174,1,1,{name},9812345601", f"174,1,2,{name},9812345602"
        )
        journey.run(dry_run.format(f"{kind}.csv"), expected)

    duplicates = ("174,1,1,Asha,ABC1234567,9812345601", "174,1,2,Asha,ABC1234567,9812345601")
    _write_roll(journey, "epic.csv", f"{KEY},NAME,EPIC,MOBILE", *duplicates)
    journey.run(dry_run.format("epic.csv"), "1 EPIC number")

    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Dear team, this is the roll"])
    sheet = book.create_sheet("Roll 174")
    for row in (f"{KEY},NAME,MOBILE", "174,1,1,Asha,9812345601"):
        sheet.append(row.split(","))
    book.save(journey.folder / "notes.xlsx")
    journey.check_refused(dry_run.format("notes.xlsx"), "name that sheet in the --map file: sheet = 'Roll 174'")
    (journey.folder / "sheet.toml").write_text('sheet = "Roll 174"\n')
    journey.run(f"{dry_run.format('notes.xlsx')} --map sheet.toml", "1 rows")

    with zipfile.ZipFile(journey.folder / "roll.zip", "w") as archive:
        archive.write(journey.folder / "title.csv", "part-1.csv")
    journey.check_refused(dry_run.format("roll.zip"), "is a ZIP archive", "part-1.csv")
    journey.check_refused(dry_run.format("nothing.csv"), "nothing.csv", "file not found")
    journey.check_refused("dialer import roll.csv -c center.toml", "center.toml")
    journey.check_refused("dialer marks show 72-1-2 -c centre.toml", "or constituency/part/serial")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Import a second roll while voters of the first one are called."""
    (access.centre.folder / "late.csv").write_text(f"{KEY},NAME,MOBILE\n999,1,1,Asha,9812345601\n")
    journey.run("dialer import late.csv -c centre.toml --dry-run", "1 rows")
    journey.run("dialer import late.csv -c centre.toml", "the dialler: 1 rows: 1 voters added or changed")
    journey.run("dialer report imports -c centre.toml", "late.csv")
