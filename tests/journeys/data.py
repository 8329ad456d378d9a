"""The data team's first day: rolls as they come, good and bad."""

from __future__ import annotations

import zipfile

import openpyxl

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

KEY = "AC_NO,PART_NO,SLNOINPART"


def _roll(walk: Walk, name: str, header: str, *rows: str) -> None:
    (walk.folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def alone(walk: Walk) -> None:
    """The page, and every roll that somebody has brought."""
    walk.first_day()
    looks = "dialer import {} -c centre.toml --dry-run"

    _roll(walk, "second.csv", f"{KEY},NAME,MOBILE,ALT CONTACT", "174,1,1,Asha,9812345601,98123 45651")
    walk.does(
        looks.format("second.csv"), "look: ALT CONTACT: 1 of the first 1 cells", 'mobile = ["MOBILE", "ALT CONTACT"]'
    )
    (walk.folder / "both.toml").write_text('[columns]\nmobile = ["MOBILE", "ALT CONTACT"]\n')
    mapped = walk.does(f"{looks.format('second.csv')} --map both.toml", "2 numbers added")
    walk.must("look:" not in mapped, "a mapped second column is doubted still")

    _roll(walk, "deaf.csv", f"{KEY},AGE", "174,1,1,30")
    walk.does(looks.format("deaf.csv"), "no column is read as a phone number: no voter in this file can be called")

    _roll(walk, "title.csv", ",,  Electoral roll 2029", ",,", f"{KEY},NAME,MOBILE", "174,1,1,Asha,9812345601")
    walk.does(looks.format("title.csv"), "1 rows", "MOBILE mobile")

    names = (("mojibake", "à¤†à¤¶à¤¾", "UTF-8 decoded as Latin letters"), ("krutidev", "jke dqekj", "Kruti Dev"))
    for kind, name, says in names:
        _roll(walk, f"{kind}.csv", f"{KEY},NAME HI,MOBILE", f"174,1,1,{name},9812345601", f"174,1,2,{name},9812345602")
        walk.does(looks.format(f"{kind}.csv"), says)

    twice = ("174,1,1,Asha,ABC1234567,9812345601", "174,1,2,Asha,ABC1234567,9812345601")
    _roll(walk, "epic.csv", f"{KEY},NAME,EPIC,MOBILE", *twice)
    walk.does(looks.format("epic.csv"), "1 EPIC number")

    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Dear team, this is the roll"])
    sheet = book.create_sheet("Roll 174")
    for row in (f"{KEY},NAME,MOBILE", "174,1,1,Asha,9812345601"):
        sheet.append(row.split(","))
    book.save(walk.folder / "notes.xlsx")
    walk.is_refused(looks.format("notes.xlsx"), 'to choose one, write sheet = "Roll 174"')
    (walk.folder / "sheet.toml").write_text('sheet = "Roll 174"\n')
    walk.does(f"{looks.format('notes.xlsx')} --map sheet.toml", "1 rows")

    with zipfile.ZipFile(walk.folder / "roll.zip", "w") as archive:
        archive.write(walk.folder / "title.csv", "part-1.csv")
    walk.is_refused(looks.format("roll.zip"), "is a ZIP archive", "part-1.csv")
    walk.is_refused(looks.format("nothing.csv"), "nothing.csv", "file not found")
    walk.is_refused("dialer import roll.csv -c center.toml", "center.toml")
    walk.is_refused("dialer marks show 72-1-2 -c centre.toml", "no constituency/part/serial")


def at_work(walk: Walk, visit: Visit) -> None:
    """A second roll, while the dialler runs and the first one's voters are called."""
    (visit.centre.folder / "late.csv").write_text(f"{KEY},NAME,MOBILE\n999,1,1,Asha,9812345601\n")
    walk.does("dialer import late.csv -c centre.toml --dry-run", "1 rows")
    walk.does("dialer import late.csv -c centre.toml", "the dialler: 1 rows: 1 voters added or changed")
    walk.does("dialer report imports -c centre.toml", "late.csv")
