"""Running pages of a headquarters for tests, with an account for each role, and published campaign material."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.hq.desk import open_user_accounts
from dialer.hq.expected import read_official_turnout, store_official_turnout
from dialer.hq.material import read_online_signing_key
from dialer.material.repository import Repository
from dialer.settings.headquarters import HqSettings
from dialer.web.access import HQ_COOKIE
from tests.support.desk import PASSWORD
from tests.support.material import KEYS, PEOPLE
from tests.support.seats import CHEAP


@dataclass(slots=True)
class Headquarters:
    """Running pages for two zones with a centre each.

    Each role has an account for all zones, named like the role, and one for the zone west, such as `media-west`.
    """

    settings: HqSettings
    path: Path  # of the settings file
    origin: str
    browser: httpx.AsyncClient
    tokens: dict[str, str]

    @property
    def database(self) -> str:
        return self.settings.gather.database.get_secret_value()

    async def get(self, user: str, path: str) -> httpx.Response:
        return await self.browser.get(path, headers=self.headers(user))

    async def post(self, user: str, path: str, **body: Any) -> httpx.Response:
        return await self.browser.post(path, json=body, headers={"origin": self.origin, **self.headers(user)})

    async def problem(self, user: str, path: str, **body: Any) -> str:
        """Post and return the problem that the answer names."""
        return str((await self.post(user, path, **body)).json()["problem"])

    async def succeed(self, user: str, path: str, **body: Any) -> None:
        answer = await self.post(user, path, **body)
        assert answer.status_code == 204, answer.text

    def headers(self, user: str) -> dict[str, str]:
        return {"cookie": f"{HQ_COOKIE}={self.tokens[user]}"} if user in self.tokens else {}


async def create_accounts(settings: HqSettings, folder: Path) -> dict[str, str]:
    """Create accounts and import official turnout. Return a session token of each account with a password."""
    tokens = {}
    async with open_user_accounts(settings, SystemClock(), CHEAP) as (db, accounts, people, _):
        for role in HqRole:
            for account, zone in ((role.value, ""), (f"{role}-west", "west")):
                if zone or role is not HqRole.ZONE:
                    await accounts.save_account(account, role, zone, "a-test")
        await people.directory.reread_stored_users()
        for account in accounts.role_of:
            await people.set_password(account, PASSWORD)
            tokens[account] = await people.begin_session(account)
        await accounts.save_account("ravi-of-patna", HqRole.ZONE, "east", "a-test")
        figures = folder / "official.csv"
        figures.write_text(
            "state_code,constituency_number,part_number,at,electors,percent\nS13,209,,2026-04-22 11:00,300000,31.5\n",
            encoding="utf-8",
        )
        await store_official_turnout(db, read_official_turnout(figures, ZoneInfo("Asia/Kolkata")))
    return tokens


def publish_material(settings: HqSettings, folder: Path) -> Repository:
    """Publish version 8 of a bundle, signed by media and compliance."""
    (folder / "source").mkdir()
    (folder / "source" / "page.txt").write_text("text", encoding="utf-8")
    repository, online, now = Repository(settings.bundles.folder), read_online_signing_key(settings), time.time()
    repository.create_material_repository([KEYS["r1"], KEYS["r2"]], [], PEOPLE, online, now)
    repository.draft_bundle_from_folder(folder / "source", "turnout", 8, "india", now)
    for name in ("lata", "meena"):
        repository.sign_drafted_bundles(KEYS[name])
    repository.publish_drafted_bundles(online, now)
    return repository
