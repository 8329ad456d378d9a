"""The picture: whole at first, then what changed; a slow reader gets the newest and is owed no more than a centre has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dialer.web.picture import BEAT_SECONDS, GATHER_SECONDS, Picture, Told
from dialer.web.streams import event_of
from tests.support.virtual import virtual_time


@pytest.fixture
def picture() -> Iterator[Picture]:
    made = Picture(lambda: 1000.0)
    made.put("centre", {"online": True})
    made.put("seat/01", {"state": "ready"})
    yield made


@virtual_time()
async def test_a_reader_begins_with_the_whole_and_hears_what_changed(picture: Picture) -> None:
    with picture.reading(bool) as reader:
        news = aiter(reader.told())
        assert await anext(news) == Told(0, 1000.0, {"centre": {"online": True}, "seat/01": {"state": "ready"}})
        picture.put("seat/01", {"state": "talking"})
        picture.put("seat/02", {"state": "ready"})
        picture.put("centre", None)
        told = await anext(news)
        assert (told.number, told.gone) == (1, ("centre",))
        assert told.values == {"seat/01": {"state": "talking"}, "seat/02": {"state": "ready"}}


@virtual_time()
async def test_what_changed_while_nobody_read_is_told_once_and_as_it_is_now(picture: Picture) -> None:
    with picture.reading(bool) as reader:
        news = aiter(reader.told())
        await anext(news)
        for number in range(10_000):
            picture.put("seat/01", {"calls": number})
        assert len(reader._changed) == 1
        assert (await anext(news)).values == {"seat/01": {"calls": 9999}}


@virtual_time()
async def test_a_quiet_picture_beats_and_a_busy_one_is_told_four_times_a_second(picture: Picture) -> None:
    loop = asyncio.get_running_loop()
    with picture.reading(bool) as reader:
        news = aiter(reader.told())
        await anext(news)
        began = loop.time()
        assert (await anext(news)).values == {}
        assert loop.time() - began == pytest.approx(BEAT_SECONDS)
        picture.put("seat/01", {"calls": 1})
        began = loop.time()
        await anext(news)
        assert loop.time() - began == pytest.approx(GATHER_SECONDS)


@virtual_time()
async def test_the_same_value_again_is_no_news(picture: Picture) -> None:
    with picture.reading(bool) as reader:
        picture.put("seat/01", {"state": "ready"})
        assert not reader._changed


@virtual_time()
async def test_a_reader_hears_only_the_keys_that_it_wants(picture: Picture) -> None:
    with picture.reading(lambda key: key.startswith("seat/")) as reader:
        news = aiter(reader.told())
        assert set((await anext(news)).values) == {"seat/01"}
        picture.put("centre", {"online": False})
        assert not reader._changed


@virtual_time()
async def test_the_end_of_the_desk_ends_the_news_and_a_page_that_left_is_forgotten(picture: Picture) -> None:
    with picture.reading(bool) as reader:
        assert picture.readers == 1
        news = aiter(reader.told())
        await anext(news)
        picture.close()
        with pytest.raises(StopAsyncIteration):
            await anext(news)
    assert picture.readers == 0


def test_an_event_is_one_line_of_json_whatever_stands_in_it() -> None:
    event = event_of(Told(3, 1.5, {"seat/01": {"agent": "a\nb\r\ndata: x"}}, ("centre",)))
    head, body, *rest = event.decode().split("\n")
    assert head == "id: 3"
    assert body.startswith(
        'data: {"number":3,"at":1.5,"set":{"seat/01":{"agent":"a\\nb\\r\\ndata: x"}},"gone":["centre"]}'
    )
    assert rest == ["", ""]
