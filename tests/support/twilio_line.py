"""Twilio's side of a call: requests TwiML from the webhooks and executes it, with a scripted caller.

The caller presses one line of keys after each question, as in the tests of the other drivers, and hangs up at None or
after the last line. Keys pressed early stop a prompt inside a Gather and are discarded by any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode
from xml.etree import ElementTree

import aiohttp
from twilio.request_validator import RequestValidator

from dialer.settings.twilio import Twilio

ACCOUNT = "AC" + "0" * 32
AUTH_TOKEN = "the account's secret"
PUBLIC_URL = "https://calls.example.org/tw"
RECORDING = "RE" + "1" * 32
MOST_PAGES = 200


def account(**changes: object) -> Twilio:
    """Return Twilio settings of the test account."""
    given = {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "public_url": PUBLIC_URL, **changes}
    return Twilio.model_validate({"enabled": True, **given})


class HungUp(Exception):
    """The caller has hung up."""


@dataclass
class Line:
    """An answered call of Twilio, with its scripted caller."""

    port: int  # of the webhooks
    lines: list[str | None]
    sid: str = "CA" + "0" * 32
    sounds_url: str = "https://sounds.example.org"
    heard: list[str] = field(default_factory=list)  # sounds, or texts in quotes
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and form, in order
    answers: list[str] = field(default_factory=list)  # TwiML
    agent_answers: bool = True
    dialled: list[str] = field(default_factory=list)
    _keys: str = ""

    async def run(self, session: aiohttp.ClientSession, voice_path: str) -> bool:
        """Run the whole call. Return False if the caller hung up."""
        path: str | None = voice_path
        form: dict[str, str] = {}
        try:
            for _ in range(MOST_PAGES):
                status, text = await self.post(session, path or "", {"CallStatus": "in-progress", **form})
                assert status == 200, f"{path}: {status}"
                path, form = self.do(text)
                if path is None:
                    return True
        except HungUp:
            return False
        raise AssertionError(f"the call has more than {MOST_PAGES} TwiML documents")

    async def post(
        self,
        session: aiohttp.ClientSession,
        path: str,
        form: Mapping[str, str],
        *,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Send a webhook request, signed as by Twilio. Return (status, TwiML)."""
        fields = {"AccountSid": ACCOUNT, "CallSid": self.sid, **form}
        self.requests.append((path, dict(fields)))
        signed = signature or RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC_URL + path, fields)
        async with session.post(
            f"http://127.0.0.1:{self.port}{path}",
            data=urlencode(fields),
            headers={
                "X-Twilio-Signature": signed,
                "Content-Type": "application/x-www-form-urlencoded",
                **(headers or {}),
            },
        ) as answer:
            text = await answer.text()
            self.answers.append(text)
            return answer.status, text

    def do(self, text: str) -> tuple[str | None, dict[str, str]]:
        """Execute a TwiML document. Return the path and form fields of the next request.

        The path is None at the end of the call.
        """
        asked = False  # a prompt was played in this document
        for verb in ElementTree.fromstring(text):  # noqa: S314 - from our own server
            match verb.tag:
                case "Play" | "Say":
                    self._keys, asked = "", True
                    self._hear([verb])
                case "Gather":
                    digits, finished_on = self._gather(verb, asked=asked or len(verb) > 0)
                    assert verb.get("actionOnEmptyResult") == "true"
                    return _path(verb.attrib["action"]), {"Digits": digits, "FinishedOnKey": finished_on}
                case "Record":
                    self._take_line()
                    self._keys = ""
                    form = {"RecordingSid": RECORDING, "RecordingDuration": "2", "Digits": verb.get("finishOnKey", "")}
                    return _path(verb.attrib["action"]), form
                case "Dial":
                    self.dialled += [inner.text or "" for inner in verb]
                    status = "completed" if self.agent_answers else "no-answer"
                    return _path(verb.attrib["action"]), {"DialCallStatus": status}
                case "Redirect":
                    return _path(verb.text or ""), {}
                case "Hangup":
                    return None, {}
                case _:
                    raise AssertionError(f"TwiML has no {verb.tag}")
        return None, {}

    def _gather(self, verb: ElementTree.Element, *, asked: bool) -> tuple[str, str]:
        """Return the digits of a Gather and its finishing key. One without a question uses only keys pressed earlier."""
        assert int(verb.attrib["timeout"]) >= 1
        if not self._keys:
            self._hear(list(verb))
            if asked and int(verb.attrib["timeout"]) > 1:  # a timeout of 1 s is not a question
                self._keys = self._take_line()
        digits, terminator = "", verb.attrib["finishOnKey"]
        while self._keys and len(digits) < int(verb.attrib["numDigits"]):
            key, self._keys = self._keys[0], self._keys[1:]
            if key == terminator:
                return digits, key
            digits += key
        return digits, ""

    def _take_line(self) -> str:
        line = self.lines.pop(0) if self.lines else None
        if line is None:
            raise HungUp
        return line

    def _hear(self, verbs: Sequence[ElementTree.Element]) -> None:
        for verb in verbs:
            said = verb.text or ""
            if verb.tag == "Play":
                assert said.startswith(f"{self.sounds_url}/matdan/"), said
                assert said.endswith(".wav")
                said = said[len(self.sounds_url) + 1 : -4]
            self.heard.append(said)


def _path(url: str) -> str:
    assert url.startswith(PUBLIC_URL + "/"), url
    assert len(url) <= 4000
    return url[len(PUBLIC_URL) :]
