"""The walk of an answered call's event, as docs/architecture.md tells it: traced from the socket through a running centre."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType

from tests.house import ROOT
from tests.support.centre import a_site
from tests.support.virtual import virtual_time
from tests.support.voters import all_answer

ASKED = re.compile(
    r"dialer/(domain|rules|pacing|store|polling_day|simulation)/|dialer/switch/asterisk/(ami_codec|lease|places)\.py"
    r"|dialer/engine/(boxes|call|seat|world|effects|views|eligibility|snapshot)\.py"
)
"""What is only asked on the way, and decides nothing about the event: values, facts, rules, and who learns."""


class Walk:
    """Files of the dialler, in the order in which they are entered for one read of the socket."""

    def __init__(self) -> None:
        self.walks: list[list[tuple[str, str]]] = []  # (file, from which file it was called)
        self.decided: list[set[str]] = []
        self._root: FrameType | None = None
        self._own: FrameType | None = None  # of an event of our own that follows: it has a walk of its own

    def trace(self, frame: FrameType, kind: str, _: object) -> None:
        """For `sys.setprofile`."""
        if kind == "return" and frame is self._root:
            self._root = None
        if kind == "return" and frame is self._own:
            self._own = None
        if kind != "call":
            return
        name = frame.f_code.co_name
        if name == "buffer_updated" and frame.f_code.co_filename.endswith("ami_client.py"):
            self._root = frame
            self.walks.append([])
            self.decided.append(set())
        if name == "_due" and self._own is None:
            self._own = frame
        if self._root is not None and self._own is None:
            file, caller = (_file(each) for each in (frame, frame.f_back))
            if file.startswith("dialer/") and not ASKED.match(file):
                self.walks[-1].append((file, caller))
                self.decided[-1].add(name)


def _file(frame: FrameType | None) -> str:
    return "" if frame is None else frame.f_code.co_filename.removeprefix(f"{ROOT}/")


@virtual_time()
async def test_six_files_and_no_way_back(tmp_path: Path) -> None:
    walk = Walk()
    async with a_site(tmp_path, all_answer(), seats=1) as site:
        await site.log_in("01")
        sys.setprofile(walk.trace)
        try:
            await site.until(lambda: site.view.seats[0].state.value == "talking")
        finally:
            sys.setprofile(None)
    [steps] = [steps for steps, names in zip(walk.walks, walk.decided, strict=True) if "voter_waits" in names]
    files = list(dict.fromkeys(file for file, _ in steps))
    assert files == [
        "dialer/switch/asterisk/ami_client.py",
        "dialer/switch/asterisk/ami_session.py",
        "dialer/switch/asterisk/adapter.py",
        "dialer/switch/asterisk/tracker.py",
        "dialer/engine/engine.py",
        "dialer/engine/acd.py",
    ]
    back = [step for step in steps if step[1] in files and files.index(step[0]) < files.index(step[1])]
    assert not back
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    places = [document.split("The walk of an answered call's event")[1].index(Path(file).name) for file in files]
    assert places == sorted(places)
