"""The state of a centre, feature by feature."""

from __future__ import annotations

import asyncio

from dialer.domain.switch import Switch
from dialer.domain.view import OutboxWait, RollTaken
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.inbound.state import UnknownCallers
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.seats.seats import Seats
from dialer.engine.supervision.state import Listeners
from dialer.engine.transfers.state import CallTransfers
from dialer.engine.trunks.channels import Channels
from dialer.engine.turnout.figures import TurnoutFigures
from dialer.engine.turnout.polls import Polls
from dialer.flows.script import ScriptLibrary
from dialer.store.sqlite import Store


class Centre:
    """The state of one centre."""

    def __init__(self, core: Core, store: Store, switch: Switch, scripts: ScriptLibrary) -> None:
        self.core = core
        self.scripts = scripts
        self.alerts = Alerts(core)
        self.servers = AsteriskServers()
        self.transfers = CallTransfers()
        self.unknown_callers = UnknownCallers()
        self.listeners = Listeners()
        self.calls = LiveCalls(core, store, switch)
        self.channels = Channels(self.calls, self.transfers, self.unknown_callers)
        self.seats = Seats(core, self.servers, self.calls, self.transfers, self.listeners)
        self.campaigns = CampaignRuns(core)
        self.polls = Polls(core)
        self.turnout = TurnoutFigures(core, self.polls, self.campaigns)
        self.numbers = NumberMemory(core, self.calls)
        self.roll: RollTaken | None = None  # that is being imported
        self.taking_in = asyncio.Lock()  # held by who takes a roll in, and while no roll may be
        self.outbox: tuple[OutboxWait, ...] = ()  # what waits for broker and headquarters
        self.store_trouble: str | None = None
