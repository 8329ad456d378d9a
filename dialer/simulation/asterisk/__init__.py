"""A simulated Asterisk 22: a server that speaks AMI, calls our FastAGI over TCP, and keeps a journal of its calls."""

from dialer.simulation.asterisk.config import (
    ConferenceUser,
    ManagerUser,
    PhoneMode,
    SeatPhone,
    SimulatedAsteriskConfig,
    SimulatedTrunk,
)
from dialer.simulation.asterisk.journal import JournalReport, check_journal
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile

__all__ = [
    "Behaviour",
    "ConferenceUser",
    "JournalReport",
    "ManagerUser",
    "PhoneMode",
    "SeatPhone",
    "SimulatedAsterisk",
    "SimulatedAsteriskConfig",
    "SimulatedTrunk",
    "VoterProfile",
    "check_journal",
]
