"""The services of the engine that commands use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line and the desk import commands, and run no engine
    from dialer.engine.booth_workers.service import BoothWorkers
    from dialer.engine.campaigns.service import Campaigns
    from dialer.engine.dispositions.service import Dispositions
    from dialer.engine.external_records.service import ExternalRecords
    from dialer.engine.headquarters.service import HeadquartersOrders
    from dialer.engine.preview.service import OwnCalls
    from dialer.engine.recordings.service import Recorder
    from dialer.engine.roll_import.service import RollImport
    from dialer.engine.seats.messages import Messages
    from dialer.engine.seats.service import Agents
    from dialer.engine.settings_reload.service import SettingsReload
    from dialer.engine.supervision.service import Supervision
    from dialer.engine.transfers.service import Transfers
    from dialer.engine.users.service import Users


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the engine that commands call in `execute_command`."""

    campaigns: Campaigns
    settings: SettingsReload
    seats: Agents
    messages: Messages
    previews: OwnCalls
    dispositions: Dispositions
    booth_workers: BoothWorkers
    transfers: Transfers
    recordings: Recorder
    supervision: Supervision
    records: ExternalRecords
    roll_import: RollImport
    users: Users
    headquarters: HeadquartersOrders
