"""Whoever joins a call beside voter and agent: helpers, supervisors who listen, and the recording. One door to their desks."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.switch import CallAside, CallRecorded, PartyCame, PartyGone, Switch, SwitchUp, attempt_of
from dialer.engine.acd import Acd
from dialer.engine.call import Call
from dialer.engine.results import Results
from dialer.engine.supervision.service import Recorder, Supervision
from dialer.engine.supervision.state import SupervisorPhone
from dialer.engine.transfers.service import TransferResync, Transfers
from dialer.engine.world import Centre
from dialer.store.sqlite import Store


class Assistance:
    """The transfers, supervision and the recorder."""

    def __init__(
        self,
        centre: Centre,
        store: Store,
        switch: Switch,
        acd: Acd,
        results: Results,
        transfers: Transfers,
        supervisors: Sequence[SupervisorPhone],
    ) -> None:
        """`supervisors` are all who may listen: nobody else ever does."""
        self._transfers = transfers
        self.recorder = Recorder(centre, switch, store, results, acd)
        self._transfer_resync = TransferResync(centre, acd, transfers)
        self.supervision = Supervision(centre, switch, store, results, {phone.name: phone for phone in supervisors})
        centre.subscribe(self.supervision.on_change)

    def party(self, event: PartyCame | PartyGone) -> None:
        """A third party has come or gone."""
        if isinstance(event, PartyGone):
            self._transfers.party_gone(event.party_id)
            self.supervision.party_gone(event.party_id)
        elif attempt_of(event.party_id) is not None:
            self._transfers.party_came(event.party_id, event.place)

    def call_event(self, call: Call, event: CallAside | CallRecorded) -> None:
        """A voter has come to a third party, or is recorded from now on."""
        if isinstance(event, CallAside):
            self._transfers.voter_aside(call.attempt_id)
        else:
            self.recorder.began(call)

    def resync(self, up: SwitchUp) -> None:
        """Bring transfers and listeners to agree with what lives on the switch; calls and seats agree with it already."""
        self._transfer_resync.resync(up)
        self.supervision.resync(up)

    def close(self) -> None:
        """The dialler stops: nobody listens on without it."""
        self.supervision.close()
