"""Install the version of campaign material (flows, scripts, texts, recordings) that headquarters assigned to a centre.

The uplink installs the version, has the dialler load it, and reports its state to headquarters.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.errors import SettingError
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.material.manifest import Manifest, MaterialRefused
from dialer.mqtt.dialler_client import Reply
from dialer.nats.messages import build_live_status_subject
from dialer.nats.session import Session
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.uplink.dialler import DiallerCommands, is_command_unanswered

_log = structlog.get_logger(__name__)

CHECK_SECONDS = 20.0
"""Interval between checks for a new version. The file is small and fetched over HTTP, by each centre at another time."""
EFFECTIVE_FROM_NEXT_CALL = frozenset({"catalogue", "flows", "recordings", "scripts", "sounds", "texts"})
"""Folders of a bundle that the dialler loads while it runs. Others are read when it starts."""
SETTINGS_FOLDERS = frozenset({"campaigns", "profiles"})
"""Folders of a bundle that hold settings, which the dialler reloads as far as that is possible while it runs."""


class MaterialUpdater:
    """The task that installs assigned campaign material, has the dialler load it, and reports the state to
    headquarters.
    """

    def __init__(
        self, centre: str, session: Session, dialler: DiallerCommands, material: CentreMaterial, clock: Clock
    ) -> None:
        """Create an updater of campaign material. The methods of `material` block, so they are called in threads."""
        self._centre = centre
        self._session = session
        self._dialler = dialler
        self._material = material
        self._clock = clock
        self._rejected: tuple[str, str] | None = None  # a version that the dialler could not load, and why
        self._after_restart = ""

    async def install_material_until_cancelled(self) -> NoReturn:
        """Install the campaign material that headquarters assigns, and report its state, every 20 seconds until
        cancelled.
        """
        while True:
            await self.install_assigned_material_version()
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311 - 300 centres must not ask at once

    async def install_assigned_material_version(self) -> None:
        """Install the assigned version of the campaign material if it is not active yet, then report the result to
        headquarters.
        """
        assigned: Manifest | None = None
        problem = ""
        try:
            assigned = await asyncio.to_thread(self._material.fetch_assigned_material_manifest)
            if assigned is not None:
                problem = await self._install_and_load_material_version(assigned)
        except MaterialRefused as error:
            problem = str(error)
        except HeadquartersUnreachable as error:
            _log.warning("material.download_failed", problem=str(error))
        if problem:
            _log.warning("material.refused", problem=problem)
        active = None
        try:
            active = await asyncio.to_thread(self._material.read_active_material_manifest)
        except MaterialRefused as error:
            problem = problem or str(error)
        state = {
            "active": None if active is None else active.bundle_name_and_version,
            "assigned": None if assigned is None else assigned.bundle_name_and_version,
            "problem": problem,
            "after_restart": self._after_restart,
            "at": self._clock.now(),
        }
        await self._session.publish_message(
            build_live_status_subject(self._centre, "material"), json.dumps(state).encode()
        )

    async def _install_and_load_material_version(self, assigned: Manifest) -> str:
        """Install the assigned version of the campaign material, and have the dialler load it.

        Return why the dialler does not use the version, or "" if it uses it. If the dialler did not reply, "" is
        returned too, and the installation is repeated later.

        Raises:
            MaterialRefused: the material or the centre's settings are invalid.
            HeadquartersUnreachable: the material could not be downloaded.
        """
        active = await asyncio.to_thread(self._material.read_active_material_manifest)
        if active is None or active.bundle_name_and_version != assigned.bundle_name_and_version:
            if self._rejected is not None and self._rejected[0] == assigned.bundle_name_and_version:
                return self._rejected[1]
            if active is not None and (problem := await asyncio.to_thread(self._material.startup_problem)) is not None:
                raise MaterialRefused(
                    f"campaign material {assigned.bundle_name_and_version} was not installed, because this centre's "
                    f"settings must be corrected first: {problem}"
                )
            await asyncio.to_thread(self._material.download_material_version, assigned)
            await asyncio.to_thread(self._material.activate_material_version, assigned.bundle_name_and_version)
        elif not await asyncio.to_thread(self._material.must_dialler_load_material):
            return ""
        return await self._load_active_material_version(assigned)

    async def _load_active_material_version(self, assigned: Manifest) -> str:
        """Have the dialler load the active version of the campaign material. Return "" if it has done so.

        If the dialler cannot load it, restore the earlier version and return the reason. Return "" too if the dialler
        did not reply: the command is repeated later. Raises MaterialRefused.
        """
        if (problem := await asyncio.to_thread(self._material.startup_problem)) is not None:
            return await self._roll_back_material_version(assigned, problem)
        reply = await self._send_reload_command(assigned, "reload-flows")
        if reply is None:
            return ""
        if reply.status == "refused":  # it still uses the previous version
            return await self._roll_back_material_version(assigned, reply.text)
        changed = _find_folders_with_changed_files(
            await asyncio.to_thread(self._material.read_previous_material_manifest), assigned
        )
        after_restart = sorted(changed - EFFECTIVE_FROM_NEXT_CALL - SETTINGS_FOLDERS)
        if settings := sorted(changed & SETTINGS_FOLDERS):
            reloaded = await self._send_reload_command(assigned, "reload-settings")
            if reloaded is None:
                return ""
            if reloaded.status != "done":  # valid, but not changeable while calls are made
                after_restart.insert(0, f"{', '.join(settings)} ({reloaded.text})")
        await asyncio.to_thread(self._material.mark_material_version_loaded)
        _log.info("material.loaded", version=assigned.bundle_name_and_version, dialler=reply.text)
        self._rejected = None
        self._after_restart = ", ".join(after_restart)
        await asyncio.to_thread(self._material.delete_unused_material_versions)
        return ""

    async def _send_reload_command(self, assigned: Manifest, command: str) -> Reply | None:
        """Send the dialler a reload command.

        Return its reply, or None if it did not reply and the command must be sent again.
        """
        reply = await self._dialler.send_command_to_dialler(command, {})
        if is_command_unanswered(reply):
            _log.info(
                "material.load_delayed",
                version=assigned.bundle_name_and_version,
                problem="the dialler or its broker is unreachable",
            )
            return None
        return reply

    async def _roll_back_material_version(self, assigned: Manifest, reason: str) -> str:
        await asyncio.to_thread(self._material.roll_back_material_version)
        self._rejected = (
            assigned.bundle_name_and_version,
            f"{assigned.bundle_name_and_version} was rolled back: {reason}",
        )
        return self._rejected[1]


def _find_folders_with_changed_files(before: Manifest | None, after: Manifest) -> set[str]:
    """Return the folders of campaign material (flows, scripts, recordings) whose files differ between two versions."""
    old, new = ({} if before is None else before.files), after.files
    return {path.partition("/")[0] for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def find_start_problem_with_material(settings: Settings, jurisdiction: str) -> str | None:
    """Return why the dialler could not start with this campaign material, or None if it could.

    The settings file and the profile `jurisdiction` (legal rules) are checked. Settings that were read from a pipe are
    not checked, because they cannot be read again.
    """
    path = Path(settings.text_of_settings_file.name)
    if not path.is_file():
        return None
    try:
        name = load_site_profile(load_settings(path)).name
    except SettingError as error:
        return str(error)
    return None if name == jurisdiction else f"its profile is for {name!r}; this centre's is for {jurisdiction!r}"


def open_material_folder(settings: Settings) -> CentreMaterial | None:
    """Return the folder of the centre's campaign material, or None if headquarters provides none.

    Raises SettingError.
    """
    headquarters = settings.headquarters
    if headquarters.material_url is None:
        return None
    folder, root = headquarters.material_folder, headquarters.material_root
    if root is None:
        raise SettingError(
            "settings", "headquarters.material_root", "is not set", "name the root.json from headquarters"
        )
    source = MaterialSource(
        headquarters.material_url,
        root,
        headquarters.ca_file,
        settings.centre.id,
        headquarters.zone,
        load_site_profile(settings).name,
    )
    reserve = settings.store.reserve_megabytes << 20
    folder.mkdir(parents=True, exist_ok=True)
    startup_problem = partial(find_start_problem_with_material, settings, source.jurisdiction)
    return CentreMaterial(folder, source, lambda: shutil.disk_usage(folder).free - reserve, startup_problem)
