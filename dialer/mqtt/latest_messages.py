"""Store the latest messages of a centre's dialler, and combine them into the state of the centre."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from dialer.domain.alerts import AlertList
from dialer.domain.model import BoothTurnout
from dialer.domain.view import CampaignView, CentreState, CentreView, SeatView
from dialer.mqtt.publisher import HEARTBEAT_SECONDS

T = TypeVar("T")

SILENT_SECONDS = HEARTBEAT_SECONDS + 5.0
"""If a dialler publishes nothing for longer, it has stopped or its clock is behind."""


class LatestMessages:
    """The latest messages about a centre that its broker retains, by key.

    A key is "centre", "alerts", "campaign/NAME", "seat/NAME" or "booth/ID".
    """

    def __init__(self, centre: str) -> None:
        self._centre = centre
        self._messages: dict[str, object] = {}

    def store_latest_message(self, key: str, message: object) -> None:
        """Store the latest message of a key such as "seat/04". None means that the message was removed from the broker."""
        if message is None:
            self._messages.pop(key, None)
        else:
            self._messages[key] = message

    @property
    def centre_state(self) -> CentreState | None:
        """The centre's state, or None if the dialler has never published."""
        state = self._messages.get("centre")
        return state if isinstance(state, CentreState) else None

    def describe_dialler_problem(self, now: float) -> str:
        """Return a problem of the dialler at the time `now` (epoch seconds) in a few words, or "" if there is none."""
        state = self.centre_state
        if state is None:
            return "no message from the dialler yet"
        if not state.online:
            return "the dialler is offline"
        silent = now - state.at
        return f"no message for {silent:.0f} s" if silent > SILENT_SECONDS else ""

    def build_centre_view(self, now: float) -> CentreView:
        """Return the centre's state at `now` (epoch seconds), combined from its latest messages.

        The state has the campaigns, seats, booths and alerts. Names of polling stations are missing, because they are
        not published.
        """
        state = self.centre_state or CentreState(self._centre, now, online=False)
        campaigns = self._list_messages_of_kind("campaign/", CampaignView)
        if state.online:  # the broker may still have a campaign that was removed from the settings
            campaigns = tuple(each for each in campaigns if each.campaign_id in state.campaigns)
        alerts = self._messages.get("alerts")
        return CentreView(
            replace(state, at=now),
            campaigns,
            self._list_messages_of_kind("seat/", SeatView),
            self._list_messages_of_kind("booth/", BoothTurnout),
            alerts.alerts if isinstance(alerts, AlertList) else (),
        )

    def _list_messages_of_kind(self, prefix: str, kind: type[T]) -> tuple[T, ...]:
        keys = sorted(key for key in self._messages if key.startswith(prefix))
        return tuple(each for key in keys if isinstance(each := self._messages[key], kind))
