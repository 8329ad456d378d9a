"""TypeScript types of the pages, generated from the Python classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest

from dialer.desk.page_types import FILE, render_typescript_of_page_data
from dialer.domain.schema import MESSAGE, PRIVATE, Time
from dialer.web.typescript import render_type_declarations


class Colour(StrEnum):
    """The colour of a thing."""

    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a thing."""

    __pydantic_config__ = MESSAGE

    count: int


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing."""

    __pydantic_config__ = MESSAGE

    name: str
    """its name"""
    at: Time | None
    parts: tuple[Part, ...]
    colours: Mapping[Colour, int]
    kind: Literal["big", "small"] = "big"
    main: Part | None = None
    lists: tuple[int | None, ...] = ()
    anything: Any = None
    figures: Mapping[str, float] = field(default_factory=dict)
    secret: Annotated[str, PRIVATE] = ""


def test_generated_types_of_the_pages_are_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == render_typescript_of_page_data(), "run: python -m dialer.desk.page_types"


def test_generated_page_types_cover_each_kind_of_field_and_omit_private_fields() -> None:
    assert (
        render_type_declarations([Thing])
        == """/** The colour of a thing. */
export type Colour = "red" | "green";

/** A part of a thing. */
export interface Part {
  count: number;
}

/** A thing. */
export interface Thing {
  /** its name */
  name: string;
  /** Epoch seconds. */
  at: number | null;
  parts: Part[];
  colours: Partial<Record<Colour, number>>;
  kind: "big" | "small";
  main: Part | null;
  lists: (number | null)[];
  anything: unknown;
  figures: Record<string, number>;
}
"""
    )


def test_field_that_may_be_missing_is_optional_in_the_generated_type() -> None:
    @dataclass(frozen=True, slots=True)
    class Form:
        name: str
        note: str = ""

    assert render_type_declarations([Form]) == "export interface Form {\n  name: string;\n  note?: string;\n}\n"


def test_generator_of_page_types_refuses_two_classes_with_the_same_name() -> None:
    @dataclass(frozen=True, slots=True)
    class Part:
        length: int

    with pytest.raises(ValueError, match="Two record classes are named Part"):
        render_type_declarations([Thing, Part])
