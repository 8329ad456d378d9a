"""Decode recordings to samples with PyAV, resample them, and remove DC offset and rumble.

The format is recognised by the first bytes of the file, not by its name. Playlists are refused: FFmpeg would open the
files and addresses that an untrusted playlist names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph

from dialer.audio.errors import RecordingRefused
from dialer.audio.filters import (
    RESAMPLER,
    Samples,
    apply_filters_to_samples,
    make_filter_graph,
    read_frames_from_filter_graph,
)

Channels = np.ndarray[tuple[int, int], np.dtype[np.float32]]

SHORTEST_SECONDS: Final = 0.1
_HEAD_BYTES: Final = 16
_TAIL_BYTES: Final = 66_000  # an Ogg page has at most 65,307 bytes
_XING_BYTES: Final = 4096
_ENDLESS: Final = (0, 0xFFFFFFFF)  # lengths in a WAV header that was never completed
_MISSING_SHARE: Final = 0.02
_BROKEN_SHARE: Final = 0.01
_PULL_EVERY: Final = 64  # frames
_CLIPPED_LEVEL: Final = 0.985
_CLIPPED_RUN: Final = 3
_CANCELLED_DB: Final = -12.0

_RUMBLE_FILTER: Final = "f=70:p=2"  # an octave below the lowest male voice; removes DC and mains hum


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded recording: its samples (-1 to 1, one channel), and notes about defects, such as a truncated end."""

    samples: Samples
    notes: tuple[str, ...]  # remarks for the media team


def decode_recording(path: Path, rate: int, max_seconds: float, *, raw: bool = False) -> Decoded:
    """Decode a recording to one channel at `rate` (Hz). Unless `raw` is set, remove DC offset and rumble.

    Raises:
        RecordingRefused: the recording cannot be used. The text is the reason in one line.
    """
    try:
        kind = _detect_audio_container_format(path)
        channels, declared, broken = _decode_channels(path, kind, rate, max_seconds)
        notes = list(_check_file_is_complete(path, kind, channels.shape[1] / rate, declared, broken))
    except OSError as error:
        raise RecordingRefused(
            f"the recording cannot be read ({error.strerror or error}); copy the file again"
        ) from error
    if not np.isfinite(channels).all():
        raise RecordingRefused("the recording has invalid samples; export the recording again")
    clipped = _count_runs_of_clipped_samples(channels)
    if clipped > max(3, channels.shape[1] // rate):
        notes.append(f"was recorded too loudly and is clipped in {clipped} places; record it again if possible")
    samples, cancelled = _mix_to_mono(channels)
    if cancelled:
        notes.append("has left and right channels that cancel each other out; only the left channel is used")
    return Decoded(samples if raw else _remove_rumble(samples, rate), tuple(notes))


def _detect_audio_container_format(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise RecordingRefused("the recording is empty; record the prompt again, or copy the file again")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mov"
    known = {b"fLaC": "flac", b"OggS": "ogg", b"FORM": "aiff", b"caff": "caf"}
    if head[:4] in known:
        return known[head[:4]]
    if head[:5] == b"#!AMR":
        return "amr"
    if head[0] == 0xFF and head[1:2] and head[1] & 0xF6 == 0xF0:
        return "aac"
    if head[:3] == b"ID3" or (head[0] == 0xFF and head[1:2] and head[1] & 0xE0 == 0xE0):
        return "mp3"
    is_text = all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head)
    if is_text:
        raise RecordingRefused("the file is not a recording but text; send MP3, M4A, WAV, OGG or FLAC")
    raise RecordingRefused("the file is not a recording; send MP3, M4A, WAV, OGG or FLAC")


def _decode_channels(path: Path, kind: str, rate: int, max_seconds: float) -> tuple[Channels, float, int]:
    """Return the samples of one or two channels at `rate`, the duration in the file's header, and the count of bad
    packets.

    The duration (seconds) is 0 if the header has none. Bad packets are those that cannot be decoded.
    """
    with _open_audio_container(path, kind) as container:
        if not container.streams.audio:
            raise RecordingRefused("the recording has no audio track; export the recording again with sound")
        stream = container.streams.audio[0]
        declared = 0.0
        if stream.duration is not None and stream.time_base is not None:
            declared = float(stream.duration * stream.time_base)
        if declared > max_seconds:
            raise _create_error_about_long_recording(declared, max_seconds)
        reader = _Reader(rate, max_seconds)
        for packet in _read_audio_packets(container, stream):
            reader.decode_audio_packet(packet)
    channels = reader.get_decoded_channels()
    if channels.shape[1] < SHORTEST_SECONDS * rate:
        raise RecordingRefused("the recording has no decodable audio; export the recording again, as WAV if necessary")
    if reader.broken > max(2, _BROKEN_SHARE * reader.packets):
        raise RecordingRefused(
            f"the recording is damaged: {reader.broken} of {reader.packets} packets cannot be decoded; export the"
            " recording"
            " again"
        )
    return channels, declared, reader.broken


def _open_audio_container(path: Path, kind: str) -> InputContainer:
    try:
        return av.open(str(path), format=kind, metadata_errors="replace")
    except av.FFmpegError as error:
        raise RecordingRefused(
            "the recording is damaged or truncated and cannot be opened; copy or export the recording again"
        ) from error


def _read_audio_packets(container: InputContainer, stream: AudioStream) -> Iterator[av.Packet[AudioStream]]:
    """Yield the packets of a recording, until its end or the first unreadable packet."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:  # noticed later, when the duration is compared with that in the header
            return
        if packet is None:
            return
        yield packet


def _create_error_about_long_recording(seconds: float, max_seconds: float) -> RecordingRefused:
    length = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
    return RecordingRefused(
        f"the recording is {length} long, at most {max_seconds:.0f} s are allowed (audio.max_seconds); shorten it"
    )


def _create_error_about_undecodable_format() -> RecordingRefused:
    return RecordingRefused("the recording has audio in a format that cannot be decoded; export it as WAV")


class _Reader:
    """A decoder of audio packets that also resamples. The sample rate and channels may change within a recording."""

    def __init__(self, rate: int, max_seconds: float) -> None:
        self.packets = 0
        self.broken = 0
        self._rate = rate
        self._max_seconds = max_seconds
        self._pieces: list[Channels] = []
        self._taken = 0.0  # seconds
        self._shape: tuple[str, int, str] | None = None
        self._graph: Graph | None = None
        self._position = 0
        self._waiting = 0

    def decode_audio_packet(self, packet: av.Packet[AudioStream]) -> None:
        self.packets += 1
        try:
            frames = packet.decode()
        except av.DecoderNotFoundError as error:
            raise _create_error_about_undecodable_format() from error
        except av.FFmpegError:
            self.broken += 1
            return
        for frame in frames:
            self._resample_frame(frame)

    def _resample_frame(self, frame: AudioFrame) -> None:
        self._taken += frame.samples / frame.sample_rate
        if self._taken > self._max_seconds:
            raise _create_error_about_long_recording(self._taken, self._max_seconds)
        shape = (frame.format.name, frame.sample_rate, frame.layout.name)
        if shape != self._shape:
            self._flush_resampler()
            self._shape = shape
            try:
                self._graph = _make_resampler(frame, self._rate)
            except (av.FFmpegError, ValueError) as error:
                raise _create_error_about_undecodable_format() from error
            self._position = 0
        frame.pts = self._position
        frame.time_base = Fraction(1, frame.sample_rate)
        self._position += frame.samples
        assert self._graph is not None  # noqa: S101 - set together with the shape
        self._graph.push(frame)
        self._waiting += 1
        if self._waiting >= _PULL_EVERY:
            self._pieces += _read_resampled_channels(self._graph)
            self._waiting = 0

    def _flush_resampler(self) -> None:
        if self._graph is not None:
            self._graph.push(None)
            self._pieces += _read_resampled_channels(self._graph)
            self._graph = None

    def get_decoded_channels(self) -> Channels:
        self._flush_resampler()
        if not self._pieces:
            return np.zeros((1, 0), np.float32)
        most = max(piece.shape[0] for piece in self._pieces)
        return np.concatenate([np.broadcast_to(piece, (most, piece.shape[1])) for piece in self._pieces], axis=1)


def _make_resampler(frame: AudioFrame, rate: int) -> Graph:
    channels = "mono" if len(frame.layout.channels) == 1 else "stereo"
    filters = (
        ("aresample", f"osr={rate}:osf=fltp:out_chlayout={channels}:{RESAMPLER}"),
        ("asetnsamples", f"n={rate}:p=0"),  # one frame per second, to reduce the number of calls from Python
    )
    return make_filter_graph(frame, filters)


def _read_resampled_channels(graph: Graph) -> Iterator[Channels]:
    return (np.ascontiguousarray(frame.to_ndarray(), np.float32) for frame in read_frames_from_filter_graph(graph))


def _check_file_is_complete(path: Path, kind: str, seconds: float, declared: float, broken: int) -> Iterator[str]:
    """Raise RecordingRefused for a truncated file. Yield a note if the file may be truncated."""
    cut = f"the recording is truncated: it has {seconds:.1f} s of {declared:.1f} s; copy or export it again"
    if kind == "wav":
        with path.open("rb") as file:
            promised = int.from_bytes(file.read(8)[4:8], "little")
        there = path.stat().st_size / (promised + 8)
        if promised not in _ENDLESS and there < 1 - _MISSING_SHARE:
            raise RecordingRefused(
                f"the recording is truncated: it has {there:.0%} of its length; copy or export the recording again"
            )
    elif kind == "ogg":
        if not _is_last_ogg_page_present(path):
            yield "may be truncated, because its last page is missing; listen to its end"
    elif (kind != "mp3" or _has_mp3_duration_header(path)) and declared - seconds > max(0.2, _MISSING_SHARE * declared):
        raise RecordingRefused(cut)
    if broken:
        yield f"has {broken} packets that cannot be decoded; listen to it"


def _is_last_ogg_page_present(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read()
    page = tail.rfind(b"OggS")
    return page >= 0 and len(tail) > page + 5 and bool(tail[page + 5] & 4)


def _has_mp3_duration_header(path: Path) -> bool:
    """Return whether an MP3 has a header with its length. Without it, the length is a guess from the bit rate."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            file.seek(10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        first = file.read(_XING_BYTES)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _count_runs_of_clipped_samples(channels: Channels) -> int:
    """Return the number of times that a channel stays at full scale for at least three samples."""
    at_top = (np.abs(channels) >= _CLIPPED_LEVEL).any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], at_top, [False]))))
    return int(np.count_nonzero(edges[1::2] - edges[::2] >= _CLIPPED_RUN))


def _mix_to_mono(channels: Channels) -> tuple[Samples, bool]:
    """Mix two channels to one.

    Return (mean of both channels, False). If the channels would cancel each other out, return (left channel, True).
    """
    if channels.shape[0] == 1:
        return channels[0], False
    mixed = channels.mean(axis=0, dtype=np.float32)
    power = float(np.mean(channels**2))
    cancelled = power > 0 and 10 * np.log10(float(np.mean(mixed**2)) / power + 1e-12) < _CANCELLED_DB
    return (channels[0], True) if cancelled else (mixed, False)


def _remove_rumble(samples: Samples, rate: int) -> Samples:
    level = samples - samples.mean()  # before filtering, because an offset is a step to which the filter responds
    return apply_filters_to_samples(level, rate, (("highpass", _RUMBLE_FILTER),))[: len(samples)]
