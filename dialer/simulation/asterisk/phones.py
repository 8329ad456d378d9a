"""The simulated phones of voters and agents, and their behaviour on each call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from dialer.simulation.asterisk.channels import Channel, ChannelState, EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig
from dialer.simulation.asterisk.core import SwitchCore
from dialer.simulation.asterisk.voters import (
    NO_ANSWER,
    Behaviour,
    make_random_generator_for_call,
    pick_random_behaviour_of_voter,
)

KEY_SECONDS = 0.14  # length of a key press; Asterisk reports twice as much
INBOUND_PATIENCE_SECONDS = 30.0  # an inbound caller hangs up after this time in silence


class VoterPhone:
    """A simulated phone at the other end of a channel."""

    def __init__(self, switch: SwitchCore, channel: Channel) -> None:
        """Create the simulated phone for one call, on `channel`."""
        self._switch = switch
        self._channel = channel

    def press_key(self, digit: str) -> None:
        """Press a key of the phone, and release it after `KEY_SECONDS`. The dialplan application receives the key on
        its release.
        """
        channel, events = self._channel, self._switch.events
        if channel.hung_up or channel.state is not ChannelState.UP:
            return
        events.publish_channel_event("DTMFBegin", channel, f"Digit: {digit}\r\nDirection: Received\r\n")

        def release_key() -> None:
            milliseconds = int(KEY_SECONDS * 2000)
            events.publish_channel_event(
                "DTMFEnd", channel, f"Digit: {digit}\r\nDurationMs: {milliseconds}\r\nDirection: Received\r\n"
            )
            channel.pass_key_to_application(digit)

        channel.schedule_action_unless_call_ends(KEY_SECONDS / self._switch.speed, release_key)

    def hang_up_call(self) -> None:
        """Hang up the call on the phone."""
        self._switch.hang_up_channel_from_other_side(self._channel, EndsBy.VOTER)

    def schedule_action_unless_call_ends(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` after `seconds` of simulated time, unless the call is over by then."""
        self._channel.schedule_action_unless_call_ends(seconds / self._switch.speed, act)


class CallBehaviours:
    """The behaviour of called parties: scripted for some numbers, otherwise drawn at random for each call."""

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Create the behaviours. Numbers with a script in the configuration follow their script from the first call on."""
        self._config = config
        self._calls: Counter[str] = Counter()
        self._scripts: dict[str, tuple[int, tuple[Behaviour, ...]]] = {}
        self._slow_seconds = 0.0
        self._slow_growth = 0.0
        for number, script in config.scripts.items():
            self.set_behaviours_of_next_calls(number, script if isinstance(script, tuple) else (script,))

    def set_behaviours_of_next_calls(self, number: str, calls: tuple[Behaviour, ...]) -> None:
        """Set how the called side behaves on the next calls to `number`, in order. The last one is repeated."""
        self._scripts[number] = (self._calls[number], calls)

    def slow_down_ringing(self, seconds: float, growth_seconds: float = 0.0) -> None:
        """Delay the ringing of each new call by `seconds`. With each call, the delay grows by `growth_seconds`."""
        self._slow_seconds, self._slow_growth = seconds, growth_seconds

    def pick_random_behaviour_of_next_call(
        self, number: str, now: float, *, congested: bool
    ) -> tuple[Behaviour, Random]:
        """Return the behaviour of the next call to a number, and a random generator for this call.

        If the carrier is `congested`, it rejects the call with SIP status 503.
        """
        config = self._config
        call = self._calls[number]
        self._calls[number] += 1
        random = make_random_generator_for_call(config.seed, number, call)
        if number in self._scripts:
            first, scripts = self._scripts[number]
            behaviour = scripts[min(call - first, len(scripts) - 1)]
        else:
            behaviour = pick_random_behaviour_of_voter(config.profile, config.seed, number, now, random)
        if congested:
            behaviour = Behaviour(0.0, fails_with=503, rings=False, post_dial_seconds=behaviour.post_dial_seconds)
        if self._slow_seconds or self._slow_growth:
            behaviour = replace(behaviour, post_dial_seconds=behaviour.post_dial_seconds + self._slow_seconds)
            self._slow_seconds += self._slow_growth
        return behaviour, random

    def pick_random_behaviour_of_seat_phone(self, phone: SeatPhone) -> tuple[Behaviour, Random]:
        """Return the behaviour of a call to a seat's phone, and the call's own random generator."""
        call = self._calls[phone.endpoint]
        self._calls[phone.endpoint] += 1
        answers = phone.mode in {PhoneMode.ANSWERS, PhoneMode.HANGS_UP}
        failure = None if answers else {PhoneMode.REFUSES: 603, PhoneMode.BUSY: 486}.get(phone.mode, NO_ANSWER)
        behaviour = Behaviour(answer_after=phone.answer_seconds, fails_with=failure, post_dial_seconds=0.0005)
        return behaviour, make_random_generator_for_call(self._config.seed, phone.endpoint, call)

    def pick_random_behaviour_of_inbound_call(self, number: str) -> tuple[Behaviour, Random]:
        """Return the behaviour of an inbound caller, who listens and hangs up in silence, and the call's random generator."""
        behaviour = Behaviour(patience_seconds=INBOUND_PATIENCE_SECONDS)
        return behaviour, make_random_generator_for_call(self._config.seed, f"in/{number}", self._calls[number])
