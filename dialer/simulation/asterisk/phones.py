"""The called phones: voters' phones, agents' phones, and how each behaves when it is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from dialer.simulation.asterisk.channels import Channel, ChannelState, EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig
from dialer.simulation.asterisk.core import SwitchCore
from dialer.simulation.asterisk.voters import NO_ANSWER, Behaviour, draw, random_of

KEY_SECONDS = 0.14  # length of a key press; Asterisk measures and reports twice as much
INBOUND_PATIENCE_SECONDS = 30.0


class VoterPhone:
    """A voter's phone, on the channel that leads to it."""

    def __init__(self, switch: SwitchCore, channel: Channel) -> None:
        """One per call."""
        self._switch = switch
        self._channel = channel

    def press(self, digit: str) -> None:
        """Press a key. The application gets it when it is released."""
        channel, events = self._channel, self._switch.events
        if channel.hung_up or channel.state is not ChannelState.UP:
            return
        events.of_channel("DTMFBegin", channel, f"Digit: {digit}\r\nDirection: Received\r\n")

        def let_go() -> None:
            milliseconds = int(KEY_SECONDS * 2000)
            events.of_channel(
                "DTMFEnd", channel, f"Digit: {digit}\r\nDurationMs: {milliseconds}\r\nDirection: Received\r\n"
            )
            channel.press(digit)

        channel.schedule(KEY_SECONDS / self._switch.speed, let_go)

    def put_down(self) -> None:
        """Hang up."""
        self._switch.other_side_hangs_up(self._channel, EndsBy.VOTER)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Run `action` later, unless the call is over by then."""
        self._channel.schedule(seconds / self._switch.speed, act)


class Caller:
    """Returns how each call behaves: by a script where there is one, else drawn by seed, number and call."""

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Scripts of the configuration apply from the first call on."""
        self._config = config
        self._calls: Counter[str] = Counter()
        self._scripts: dict[str, tuple[int, tuple[Behaviour, ...]]] = {}
        self._slow_seconds = 0.0
        self._slow_growth = 0.0
        for number, script in config.scripts.items():
            self.script(number, script if isinstance(script, tuple) else (script,))

    def script(self, number: str, calls: tuple[Behaviour, ...]) -> None:
        """Set the behaviour of the next calls to `number`, in order; the last one is repeated."""
        self._scripts[number] = (self._calls[number], calls)

    def slow_down(self, seconds: float, growth_seconds: float = 0.0) -> None:
        """Delay each call so much longer from Originate to ringing, and each further one `growth_seconds` more."""
        self._slow_seconds, self._slow_growth = seconds, growth_seconds

    def next_call(self, number: str, now: float, *, congested: bool) -> tuple[Behaviour, Random]:
        """Return the behaviour of the next call to a number, and the call's own random numbers."""
        config = self._config
        call = self._calls[number]
        self._calls[number] += 1
        random = random_of(config.seed, number, call)
        if number in self._scripts:
            first, scripts = self._scripts[number]
            behaviour = scripts[min(call - first, len(scripts) - 1)]
        else:
            behaviour = draw(config.profile, config.seed, number, now, random)
        if congested:
            behaviour = Behaviour(0.0, fails_with=503, rings=False, post_dial_seconds=behaviour.post_dial_seconds)
        if self._slow_seconds or self._slow_growth:
            behaviour = replace(behaviour, post_dial_seconds=behaviour.post_dial_seconds + self._slow_seconds)
            self._slow_seconds += self._slow_growth
        return behaviour, random

    def agents_phone(self, phone: SeatPhone) -> tuple[Behaviour, Random]:
        """Return the behaviour of a call to an agent's phone."""
        call = self._calls[phone.endpoint]
        self._calls[phone.endpoint] += 1
        answers = phone.mode in {PhoneMode.ANSWERS, PhoneMode.PUTS_DOWN}
        failure = None if answers else {PhoneMode.REFUSES: 603, PhoneMode.BUSY: 486}.get(phone.mode, NO_ANSWER)
        behaviour = Behaviour(answer_after=phone.answer_seconds, fails_with=failure, post_dial_seconds=0.0005)
        return behaviour, random_of(self._config.seed, phone.endpoint, call)

    def calls_us(self, number: str) -> tuple[Behaviour, Random]:
        """Return the behaviour of a voter who calls us: listens, and hangs up when nothing comes."""
        behaviour = Behaviour(patience_seconds=INBOUND_PATIENCE_SECONDS)
        return behaviour, random_of(self._config.seed, f"in/{number}", self._calls[number])
