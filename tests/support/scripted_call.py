"""A caller for the FastAGI driver, scripted as lines of keys."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.switch.asterisk.agi_codec import CallHungUp, SoundMissing


class ScriptedCall:
    """A caller who presses one line of keys after each question, and hangs up at a line that is None.

    `missing` are sounds that do not exist on the switch.
    """

    def __init__(self, lines: Sequence[str | None], missing: Sequence[str] = ()) -> None:
        self.journal: list[str] = []
        self._lines = list(lines)
        self._keys = ""
        self._missing = frozenset(missing)
        self._asking = False

    async def answer_channel(self) -> None:
        self.journal.append("answer")

    async def play_sound_file(self, name: str, escape_digits: str = "") -> str | None:
        self._asking = False
        if self._keys:
            if escape_digits:
                self._asking = True
                return self._take()
            self._keys = ""  # a prompt that keys cannot stop discards them
        if name in self._missing:
            raise SoundMissing(f"no {name}")
        self.journal.append(name)
        return None

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        assert timeout_ms > 0
        if not self._keys and not self._asking:
            line = self._lines.pop(0) if self._lines else None
            if line is None:
                raise CallHungUp
            self._keys = line
        self._asking = True
        return self._take() if self._keys else None

    async def hang_up_channel(self) -> None:
        self.journal.append("hangup")

    def _take(self) -> str:
        key, self._keys = self._keys[0], self._keys[1:]
        return key
