"""Numbers, hours and dates as sequences of prompts, the way each language says them. Pure: words in, names of prompts out.

Every language of India that is shipped has a word of its own for each number up to 99, or one that is welded together, so each is
one recording; above, numbers go by hundred, thousand, lakh and crore. In the languages of the south (and in Marathi and English)
a word changes when more follows: 100 is `nooru` in Kannada and 105 `noora aidu`. Those forms are prompts of their own, `-and`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dialer.audio.words import Unit, Words

HIGHEST_SPOKEN: Final = 999_999_999
"""A higher number is read digit by digit: no count that is spoken to a voter is higher."""

LABEL: Final = "label/synthetic"
"""The prompt that says that a computer speaks."""

_UNITS: Final = (("crore", 10_000_000), ("lakh", 100_000), ("thousand", 1_000))


def number_prompts(number: int, words: Words | None) -> list[str]:
    """The prompts of a number: 940 in Hindi is `number/hundred-9`, `number/40`. A negative number is read as digits, too.

    `words` tells which forms the language has; None: a language without shipped words has none that change.
    """
    if not 0 <= number <= HIGHEST_SPOKEN:
        return digit_prompts(str(abs(number)))
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


def digit_prompts(digits: str) -> list[str]:
    """One prompt a digit: telephone numbers, and serials that are read back. What is no digit is not spoken."""
    return [f"digit/{int(digit)}" for digit in digits if digit.isdecimal()]


def hour_prompts(hour: int, minute: int) -> list[str]:
    """A time of day: `hour/18`, `half-hour/18` for half past, `hour-and/18` and `minute/5` for all else."""
    if minute == 0:
        return [f"hour/{hour}"]
    if minute == 30:
        return [f"half-hour/{hour}"]
    return [f"hour-and/{hour}", f"minute/{minute}"]


def date_prompts(day: int, month: int) -> list[str]:
    """A day of the year, day first, as every shipped language says it."""
    return [f"day/{day}", f"month/{month}"]


def word_texts(words: Words) -> dict[str, str]:
    """Every prompt that the functions above can name in a language, with its words: what has to be recorded."""
    return dict(_word_texts(words))


def _word_texts(words: Words) -> Iterator[tuple[str, str]]:
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
    yield from ((f"minute/{minute}", words.minute(minute)) for minute in range(1, 60))
    yield from ((f"day/{day}", words.numbers[day]) for day in range(1, 32))
    yield from ((f"month/{month}", word) for month, word in enumerate(words.months, 1))
    yield LABEL, words.label
