"""The telephony administrator's first day: settings, trunks, phones and services."""

from __future__ import annotations

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey

INIT = (
    "dialer init other/centre.toml --id pune-3 --organisation Example --jurisdiction india --trunk-host sip.carrier.in"
)


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the telephony administrator's first-day page; wrong options and settings are refused."""
    journey.run_first_day_page()
    (journey.folder / "other").mkdir()
    journey.check_refused(f"{INIT} --caller-ids 011-4000", "--caller-ids", "nothing was written")
    journey.check_refused(f"{INIT} --caller-ids +911140000001 --seats 500", "--seats")
    journey.check_refused(
        f"{INIT.replace('india', 'indai')} --caller-ids +911140000001", "--jurisdiction: there is no profile"
    )
    text = (journey.folder / "centre.toml").read_text()
    for right, wrong in (("calls_per_second", "calls_per_secnd"), ("\nlanguage", "\nlangauge")):
        text = text.replace(right, wrong, 1)
    (journey.folder / "wrong.toml").write_text(f"{text}abandoned_limit = 3\n[dialing]\ndrain_seconds = 5\n")
    messages = (
        "calls_per_secnd",
        "langauge",
        "write 0.03 for 3 %",
        "dialing: is not a setting; did you mean `dialling`?",
    )
    journey.check_refused("dialer check -c wrong.toml", *messages, mistakes=4)
    (journey.folder / "wrong.toml").write_text(f'{(journey.folder / "centre.toml").read_text()}flow = "turnout"\n')
    journey.check_refused("dialer check -c wrong.toml", "campaigns.turnout-agents", "flow")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Check Asterisk and broker; then change and reload the settings while calls are made."""
    for command in ("check", "doctor"):
        documented = f"dialer {command} -c /etc/matdan/centre.toml"
        journey.run(f"dialer {command} -c centre.toml", "trunk carrier: 127.0.0.1: answers", documented=documented)
    root = journey.folder / "root"
    for folder in ("etc/asterisk", "etc/mosquitto"):
        (root / folder).mkdir(parents=True)
    install = "sudo dialer install -c site/centre.toml"
    journey.check_refused(
        "dialer install -c centre.toml --root root",
        "is a system folder, or not visible to services",
        documented=install,
    )
    settings = access.centre.folder / "centre.toml"
    before = settings.read_text()
    settings.write_text(before.replace("channels = 30", 'channels = "many"'))
    journey.check_refused("dialer command reload-settings -c centre.toml --as supervisor", "trunks.carrier.channels")
    settings.write_text(before.replace("channels = 30", "channels = 20"))
    journey.run("dialer command reload-settings -c centre.toml --as supervisor")
    journey.run("dialer check -c centre.toml", "phones: 3 of 3")
