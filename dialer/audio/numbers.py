"""Numbers, hours and dates as sequences of prompts, by the rules of each language. No I/O.

The shipped Indian languages have a separate word for each number up to 99, so each of these numbers is one recording.
Higher numbers are composed with hundred, thousand, lakh and crore. In the southern languages, Marathi and English such
a word changes if more follows: in Kannada 100 is `nooru`, but 105 is `noora aidu`. These forms are prompts of their
own, with the suffix `-and`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dialer.audio.words import Unit, Words

HIGHEST_SPOKEN: Final = 999_999_999
"""The highest number that is spoken in words. Higher numbers are read digit by digit."""

LABEL: Final = "label/synthetic"
"""The prompt with the notice that a computer speaks."""

_UNITS: Final = (("crore", 10_000_000), ("lakh", 100_000), ("thousand", 1_000))


def list_number_prompts(number: int, words: Words | None) -> list[str]:
    """Return the prompts that speak a number. For 940 in Hindi these are `number/hundred-9` and `number/40`.

    A negative number is read digit by digit, without its sign.

    Args:
        words: the number words of the language, or None if Matdan has none for it.
    """
    if not 0 <= number <= HIGHEST_SPOKEN:
        return list_digit_prompts(str(abs(number)))
    prompts: list[str] = []
    rest = number
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            unit: Unit | None = getattr(words, name, None)
            form, joined = (f"{name}-1", unit and unit.one_and) if count == 1 else (name, unit and unit.many_and)
            prompts += [] if count == 1 else [f"number/{count}"]
            prompts.append(f"number/{form}" + ("-and" if rest and joined else ""))
    hundreds, rest = divmod(rest, 100)
    if hundreds:
        joined = "-and" if rest and words is not None and words.hundreds_and is not None else ""
        prompts.append(f"number/hundred-{hundreds}{joined}")
    if rest or not prompts:
        prompts.append(f"number/{rest}")
    return prompts


def list_digit_prompts(digits: str) -> list[str]:
    """Return one prompt per digit, for telephone numbers and voters' serial numbers on the roll. Other characters are
    skipped.
    """
    return [f"digit/{int(digit)}" for digit in digits if digit.isdecimal()]


def list_hour_prompts(hour: int, minute: int) -> list[str]:
    """Return the prompts that speak a time.

    - full hour: `hour/18`
    - half past: `half-hour/18`
    - otherwise: `hour-and/18`, `minute/5`
    """
    if minute == 0:
        return [f"hour/{hour}"]
    if minute == 30:
        return [f"half-hour/{hour}"]
    return [f"hour-and/{hour}", f"minute/{minute}"]


def list_date_prompts(day: int, month: int) -> list[str]:
    """Return the prompts that speak a date: the day, then the month, as in every shipped language."""
    return [f"day/{day}", f"month/{month}"]


def list_number_and_date_prompts(words: Words) -> dict[str, str]:
    """Return all prompts for numbers, times and dates in a language, each with its words."""
    return dict(_yield_number_and_date_prompts(words))


def _yield_number_and_date_prompts(words: Words) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(words.numbers):
        yield f"number/{number}", word
    for count, word in enumerate(words.hundreds, 1):
        yield f"number/hundred-{count}", word
    for count, word in enumerate(words.hundreds_and or (), 1):
        yield f"number/hundred-{count}-and", word
    for name, _ in _UNITS:
        unit: Unit = getattr(words, name)
        forms = {f"{name}-1": unit.one, name: unit.many, f"{name}-1-and": unit.one_and, f"{name}-and": unit.many_and}
        yield from ((f"number/{form}", word) for form, word in forms.items() if word)
    yield from ((f"digit/{digit}", words.numbers[digit]) for digit in range(10))
    for hour in range(24):
        yield f"hour/{hour}", words.hours[hour]
        yield f"half-hour/{hour}", words.half_hours[hour]
        yield f"hour-and/{hour}", words.hours_and[hour]
    yield from ((f"minute/{minute}", words.spell_out_minutes(minute)) for minute in range(1, 60))
    yield from ((f"day/{day}", words.numbers[day]) for day in range(1, 32))
    yield from ((f"month/{month}", word) for month, word in enumerate(words.months, 1))
    yield LABEL, words.label
