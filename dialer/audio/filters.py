"""FFmpeg's audio filters, applied to samples through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

Samples = np.ndarray[tuple[int], np.dtype[np.float32]]
"""The samples of one channel, between -1 and 1."""

# 128 taps with 95 % of the band attenuate tones above 4.2 kHz by at least 97 dB at 8 kHz. FFmpeg's default attenuates
# 4.2 kHz by 22 dB only.
RESAMPLER: Final = "filter_size=128:cutoff=0.95"

Filters = tuple[tuple[str, str], ...]
"""A chain of filters, as (name, arguments)."""


def make_filter_graph(frame: AudioFrame, filters: Filters) -> Graph:
    """Return an FFmpeg filter graph that accepts frames with the format, layout and rate of `frame`."""
    graph = Graph()
    kind = f"sample_fmt={frame.format.name}:channel_layout={frame.layout.name}"
    last = graph.add("abuffer", f"sample_rate={frame.sample_rate}:{kind}:time_base=1/{frame.sample_rate}")
    for name, arguments in (*filters, ("abuffersink", "")):
        following = graph.add(name, arguments or None)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def read_frames_from_filter_graph(graph: Graph) -> Iterator[AudioFrame]:
    """Yield the audio frames that have passed an FFmpeg filter graph so far."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, AudioFrame)  # noqa: S101 - an audio graph gives audio frames
        yield frame


def apply_filters_to_samples(samples: Samples, rate: int, filters: Filters) -> Samples:
    """Apply a chain of FFmpeg filters to samples (at `rate` Hz), and return the filtered samples."""
    pieces = [frame.to_ndarray().reshape(-1) for frame in apply_filters_and_yield_frames(samples, rate, filters)]
    return np.concatenate(pieces).astype(np.float32, copy=False) if pieces else np.zeros(0, np.float32)


def apply_filters_and_yield_frames(samples: Samples, rate: int, filters: Filters) -> Iterator[AudioFrame]:
    """Send samples (at `rate` Hz) through a chain of FFmpeg filters, and yield the resulting frames.

    The frames' metadata contains the measurements of the filters, such as the loudness.
    """
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    graph = make_filter_graph(frame, filters)
    graph.push(frame)
    graph.push(None)
    yield from read_frames_from_filter_graph(graph)
