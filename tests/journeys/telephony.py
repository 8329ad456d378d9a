"""The telephony administrator's first day: settings, lines, phones, services."""

from __future__ import annotations

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

INIT = (
    "dialer init other/centre.toml --id pune-3 --organisation Example --jurisdiction india --trunk-host sip.carrier.in"
)


def alone(walk: Walk) -> None:
    """The page; then wrong answers, and a settings file with mistakes of every kind, which are told together."""
    walk.first_day()
    (walk.folder / "other").mkdir()
    walk.is_refused(f"{INIT} --caller-ids 011-4000", "--caller-ids", "nothing was written")
    walk.is_refused(f"{INIT} --caller-ids +911140000001 --seats 500", "--seats")
    walk.is_refused(
        f"{INIT.replace('india', 'indai')} --caller-ids +911140000001", "--jurisdiction: there is no profile"
    )
    text = (walk.folder / "centre.toml").read_text()
    for right, wrong in (("calls_per_second", "calls_per_secnd"), ("\nlanguage", "\nlangauge")):
        text = text.replace(right, wrong, 1)
    (walk.folder / "wrong.toml").write_text(f"{text}abandoned_limit = 3\n[dialing]\ndrain_seconds = 5\n")
    told = ("calls_per_secnd", "langauge", "write 0.03 for 3 %", "dialing: is not a setting; did you mean `dialling`?")
    walk.is_refused("dialer check -c wrong.toml", *told, mistakes=4)
    (walk.folder / "wrong.toml").write_text(f'{(walk.folder / "centre.toml").read_text()}flow = "turnout"\n')
    walk.is_refused("dialer check -c wrong.toml", "campaigns.turnout-agents", "flow")


def at_work(walk: Walk, visit: Visit) -> None:
    """What Asterisk and broker say; a change of the settings, taken while calls are made."""
    for asked in ("check", "doctor"):
        of_page = f"dialer {asked} -c /etc/matdan/centre.toml"
        walk.does(f"dialer {asked} -c centre.toml", "trunk carrier: 127.0.0.1: answers", documented=of_page)
    root = walk.folder / "root"
    for folder in ("etc/asterisk", "etc/mosquitto"):
        (root / folder).mkdir(parents=True)
    install = "sudo dialer install -c site/centre.toml"
    walk.is_refused(
        "dialer install -c centre.toml --root root",
        "is a system folder, or not visible to services",
        documented=install,
    )
    settings = visit.centre.folder / "centre.toml"
    before = settings.read_text()
    settings.write_text(before.replace("channels = 30", 'channels = "many"'))
    walk.is_refused("dialer command reload-settings -c centre.toml --as supervisor", "trunks.carrier.channels")
    settings.write_text(before.replace("channels = 30", "channels = 20"))
    walk.does("dialer command reload-settings -c centre.toml --as supervisor")
    walk.does("dialer check -c centre.toml", "phones: 3 of 3")
