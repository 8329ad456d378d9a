"""The Asterisks of a site: the one at ami.host, or those of [[asterisk.boxes]], each seen as a site with that one alone."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from dialer.errors import SettingError
from dialer.settings.asterisk import AsteriskBox
from dialer.settings.fields import derived_secret
from dialer.settings.site import Settings

ONLY = ""
"""The name of the Asterisk of a site that has no [[asterisk.boxes]]."""


def boxes_of(settings: Settings) -> Mapping[str, Settings]:
    """By the name of each Asterisk the settings as they are for it alone: where it is, its lines, seats and phones."""
    boxes = settings.asterisk.boxes
    return {box.name: _alone(settings, box) for box in boxes} if boxes else {ONLY: settings}


def on_box(settings: Settings, name: str | None, file: str = "settings") -> tuple[Settings, tuple[AsteriskBox, ...]]:
    """The settings as they are for one Asterisk alone, and the boxes beside it. Raises SettingError where it is not clear which."""
    boxes = settings.asterisk.boxes
    if name is None and not boxes:
        return settings, ()
    names = [box.name for box in boxes]
    if name not in names:
        problem = "there are several" if name is None else f"there is no box {name!r}"
        raise SettingError(file, "asterisk.boxes", problem, f"say with --box which one: {', '.join(names) or 'none'}")
    return boxes_of(settings)[name], tuple(box for box in boxes if box.name != name)


def named_phones(settings: Settings) -> tuple[str, ...]:
    """Endpoints of the phones that [[supervisors]] and [[transfers]] name, each once."""
    named = [*(each.endpoint for each in settings.supervisors), *(each.endpoint for each in settings.transfers)]
    return tuple(dict.fromkeys(endpoint for endpoint in named if endpoint is not None))


def house_phones(settings: Settings) -> tuple[str, ...]:
    """Those of them that are no seat's."""
    seats = {seat.endpoint for seat in settings.seats}
    return tuple(endpoint for endpoint in named_phones(settings) if endpoint not in seats)


def on_one(settings: Settings) -> Settings:
    """The same site as if one Asterisk carried all of it."""
    tables = {
        section: tuple(each.model_copy(update={"box": None}) for each in getattr(settings, section))
        for section in ("trunks", "seats", "transfers", "supervisors")
    }
    return settings.model_copy(update={**tables, "asterisk": settings.asterisk.model_copy(update={"boxes": ()})})


def box_password(one: str, other: str, manager_secret: SecretStr | None) -> str:
    """What two boxes know each other by, a derived secret."""
    return derived_secret(manager_secret, f"boxes {' '.join(sorted((one, other)))}")


def _alone(settings: Settings, box: AsteriskBox) -> Settings:
    given = box.model_dump(include={"bind_address", "sip_port", "external_address", "history"}, exclude_none=True)
    own = {
        section: tuple(each for each in getattr(settings, section) if each.box == box.name)
        for section in ("seats", "supervisors")
    }
    trunks = tuple(trunk for trunk in settings.trunks if trunk.box == box.name)
    lines = {trunk.name for trunk in trunks}
    return settings.model_copy(
        update={
            "ami": settings.ami.model_copy(update={"host": box.host, "port": box.port}),
            "asterisk": settings.asterisk.model_copy(update={**given, "boxes": ()}),
            "trunks": trunks,
            "transfers": tuple(each for each in settings.transfers if each.box == box.name or each.trunk in lines),
            **own,
        }
    )
