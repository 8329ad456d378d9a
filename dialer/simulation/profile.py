"""The rules of a centre whose lines are simulated: nobody is called, so it may run at night."""

from __future__ import annotations

from datetime import time

from config.jurisdiction import Profile, load_profile


def simulated_profile(name: str = "neutral") -> Profile:
    """A shipped profile, open at all hours; every other rule holds."""
    profile = load_profile(name)
    always = ((time.min, time.max),)
    hours = dict.fromkeys(("weekday", "saturday", "sunday", "holiday"), always)
    return profile.model_copy(update={"calling_hours": profile.calling_hours.model_copy(update=hours)})
