"""Several Asterisks under one dialler: which of them it reaches, and on whose line a call is best placed. Pure.

Each box has lines and seats of its own, and an answered voter may be joined to a seat of another box, so all seats are one pool to
the pacing. A box that is not reached takes no call and its seats none; what lives there lives on until it is back. Where no box is
reached nothing is dialled at all, and nothing is said of single ones: so a site of one Asterisk knows no more than that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence


class Boxes:
    """The boxes of a site, and whose each trunk is."""

    def __init__(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """As `use`. None is reached before it has come."""
        self._known: dict[str, None] = {}  # in their order
        self.up: set[str] = set()  # with a link, and what lives there is known
        self.silent: frozenset[str] = frozenset()  # that leave something unanswered
        self._of_trunk: dict[str, str] = {}
        self.use(trunks, seats)

    def use(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """`trunks`: the box of each by its name; `seats`: the boxes that seats are of. Trunks of before may carry calls still."""
        self._known.update(dict.fromkeys((*trunks.values(), *seats)))
        self.names = tuple(self._known) or ("",)
        self._of_trunk.update(trunks)

    def of_trunk(self, trunk: str) -> str:
        """The box of a trunk; of one that the settings have no more the first."""
        return self._of_trunk.get(trunk, self.names[0])

    def open_to(self, trunks: Collection[str]) -> set[str]:
        """The boxes of these trunks that can be dialled on."""
        boxes = {self.of_trunk(trunk) for trunk in trunks} or set(self.names)
        return (boxes & self.up) - self.silent

    @property
    def away(self) -> frozenset[str]:
        """The boxes that are not reached while another one is."""
        reached = self.up - self.silent
        return frozenset(self.names) - reached if reached else frozenset()

    def reached(self, trunks: Sequence[str]) -> Sequence[str]:
        """Of these trunks those on which a call may be placed, as far as that is the box's to say."""
        away = self.away
        return [trunk for trunk in trunks if self.of_trunk(trunk) not in away] if away else trunks


class Loads:
    """How much each box has to do: the agents there, of them those who are free, and the calls that may want one of them."""

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes
        self.working: dict[str, int] = dict.fromkeys(boxes.names, 0)
        self.free: dict[str, int] = dict.fromkeys(boxes.names, 0)
        self.calls: dict[str, int] = dict.fromkeys(boxes.names, 0)

    def best_first(self, trunks: Sequence[str]) -> Sequence[str]:
        """These trunks, those first on whose box an agent is the likeliest to be free; as they stand within a box."""
        if len(self._boxes.names) == 1:
            return trunks
        return sorted(trunks, key=lambda trunk: self._load(self._boxes.of_trunk(trunk)))

    def _load(self, box: str) -> float:
        """The calls that come to an agent there, beyond those who are free now."""
        working = self.working[box]
        return (self.calls[box] - self.free[box]) / working if working else float("inf")
