"""Who answered, a person or a machine? Asterisk's AMD() and a detector of our own, on labelled clips over a real Asterisk.

    python -m bench.bench_machines [--quick | --smoke] [--seed N] [--write]

Values and trees are tuned on half of the clips and judged on the other, whose voices and texts they do not know.
`--write` puts the tables into docs/reference/answering-machines.md. Needs espeak-ng, sox, scikit-learn and Asterisk
(ASTERISK_SBIN or PATH).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.amd_tuning import model_amd, parse_amd_values, tune_amd
from bench.common import EXIT_GOAL_MISSED, Size, Unrunnable, add_size_options, describe_machine, print_progress
from bench.greeting_calls import Decision, decide_by_amd, decide_by_listener
from bench.greeting_clips import CLIPS_PER_HALF, MACHINES, Clip, Half, Kind, make_clips
from bench.greeting_detector import Detector, train_detectors
from tests.asterisk.answering_machines import SENSITIVE_AMD
from tests.asterisk.process import NoAsterisk, find_asterisk, get_asterisk_version

MOST_PEOPLE_TAKEN: Final = 0.01
LEAST_MACHINES_FOUND: Final = 0.85
MEDIAN_SECONDS: Final = 2.0
SEAT_LIMIT_SECONDS: Final = 1.7
FLOW_LIMIT_SECONDS: Final = 5.0
OWN_LIMIT_SECONDS: Final = 8.0
TRAINING_SEEDS: Final = 4
MACHINE_SHARE: Final = 0.5
"""The share of answers by machines in the example of a site (0-1)."""

_REPOSITORY: Final = Path(__file__).parents[1]
RESULTS: Final = _REPOSITORY / "docs/reference/answering-machines.md"
_DIALPLAN: Final = _REPOSITORY / "config/asterisk/dialplan"


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to detect machines. `silence_is_machine`: whether the initial silence of AMD() counts as a machine."""

    name: str
    setting: str
    decide: Callable[[Sequence[Clip], Path], list[Decision]]
    silence_is_machine: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """What a contender decided about the held-out clips."""

    contender: Contender
    clips: Sequence[Clip]
    taken: NDArray[np.bool_]
    seconds: NDArray[np.float64]

    @property
    def people_taken(self) -> float:
        """The share of people taken for machines (0-1)."""
        return float(self.taken[~self._machines].mean())

    @property
    def machines_found(self) -> float:
        """The share of machines found (0-1)."""
        return float(self.taken[self._machines].mean())

    @property
    def meets_goal(self) -> bool:
        """Whether all goals are met."""
        return (
            self.people_taken <= MOST_PEOPLE_TAKEN
            and self.machines_found >= LEAST_MACHINES_FOUND
            and float(np.median(self.seconds)) <= MEDIAN_SECONDS
        )

    def count(self, kinds: Sequence[Kind]) -> str:
        """Return how many clips of these kinds were taken for machines, such as "3/84"."""
        chosen = np.array([clip.kind in kinds for clip in self.clips])
        return f"{int(self.taken[chosen].sum())}/{int(chosen.sum())}"

    def list_cells(self) -> list[str]:
        """Return the cells of the contender's row."""
        people, machines = [kind for kind in Kind if kind not in MACHINES], list(MACHINES)
        middles = [np.median(self.seconds[each]) for each in (slice(None), ~self._machines, self._machines)]
        return [
            self.contender.name,
            f"{self.people_taken:.1%} ({self.count(people)})",
            f"{self.machines_found:.0%} ({self.count(machines)})",
            *(f"{middle:.1f}" for middle in middles),
            f"{np.percentile(self.seconds, 95):.1f}",
            "yes" if self.meets_goal else "no",
        ]

    def list_cells_of_a_site(self) -> list[str]:
        """Return what a site with 1,000 answered calls, MACHINE_SHARE of them by machines, gains and loses."""
        found = 1000 * MACHINE_SHARE * self.machines_found
        lost = 1000 * (1 - MACHINE_SHARE) * self.people_taken
        return [self.contender.name, f"{found:.0f}", f"{lost:.0f}", f"{lost / max(1e-9, found + lost):.0%}"]

    @property
    def _machines(self) -> NDArray[np.bool_]:
        return np.array([clip.is_machine for clip in self.clips])


HEAD: Final = ("contender", "people taken", "machines found", "median s", "of people", "of machines", "p95 s", "goal")


GAINS_HEAD: Final = ("contender", "machines kept from agents", "people hung up on", "people among them")


def read_rendered_amd() -> str:
    """Return the arguments of AMD() in the templates of the dialplan, which are the same for flows and for agents."""
    templates = [(_DIALPLAN / file).read_text(encoding="utf-8") for file in ("flows.conf.j2", "voters.conf.j2")]
    arguments = {each for text in templates for each in re.findall(r"AMD\(([\d,]+)\)", text)}
    assert len(arguments) == 1, f"the dialplan must call AMD() with one set of values; it has {sorted(arguments)}"
    return str(arguments.pop())


def make_amd_contender(name: str, arguments: str, *, silence_is_machine: bool = False) -> Contender:
    """Return Asterisk's AMD() as a contender."""

    def decide(clips: Sequence[Clip], folder: Path) -> list[Decision]:
        return asyncio.run(decide_by_amd(clips, arguments, folder))

    return Contender(name, f"AMD({arguments})", decide, silence_is_machine)


def make_own_contender(name: str, detector: Detector) -> Contender:
    """Return our detector as a contender."""

    def decide(clips: Sequence[Clip], folder: Path) -> list[Decision]:
        return asyncio.run(decide_by_listener(clips, detector.listen, folder))

    setting = f"a machine from {detector.machine_from:g}, a person to {detector.person_to:g}"
    return Contender(name, f"{setting}, limit {detector.limit_seconds:g} s", decide)


def list_contenders(tuning: Sequence[Clip], more: Sequence[Clip]) -> list[Contender]:
    """Return the contenders, tuned on the tuning half; our trees learn from `more` clips of its voices and texts as well."""
    contenders = [
        make_amd_contender("AMD, Asterisk's defaults", "", silence_is_machine=True),
        make_amd_contender("AMD, sensitive", SENSITIVE_AMD),
        make_amd_contender("AMD, Matdan's", read_rendered_amd()),
    ]
    for limit, where in ((FLOW_LIMIT_SECONDS, "5 s"), (SEAT_LIMIT_SECONDS, "1.7 s")):
        print_progress(f"tuning AMD for a limit of {where}")
        values = tune_amd(tuning, round(limit * 1000), MOST_PEOPLE_TAKEN)
        contenders.append(make_amd_contender(f"AMD, tuned, limit {where}", str(values)))
    print_progress("training our detector")
    limits = (OWN_LIMIT_SECONDS, SEAT_LIMIT_SECONDS)
    try:
        # Half of the goal, because people with new voices and words are taken more often; and 0.1 s to pass on the sound.
        detectors = train_detectors([*tuning, *more], limits, MOST_PEOPLE_TAKEN / 2, MEDIAN_SECONDS - 0.1)
    except Unrunnable as error:
        print(f"our detector cannot run: {error}")
        return contenders
    own = [make_own_contender(f"our detector, limit {each.limit_seconds:g} s", each) for each in detectors]
    return [*contenders, *own]


def score(contender: Contender, clips: Sequence[Clip], folder: Path) -> Score:
    """Play the clips to a contender. Raises Unrunnable without Asterisk."""
    decisions = contender.decide(clips, folder)
    taken = [each.is_machine and (contender.silence_is_machine or each.cause != "INITIALSILENCE") for each in decisions]
    return Score(contender, clips, np.array(taken), np.array([each.seconds for each in decisions]))


def check_model(clips: Sequence[Clip], arguments: str, folder: Path) -> str:
    """Return how often the model that tunes AMD() and Asterisk decide the same."""
    modelled = model_amd(clips, parse_amd_values(arguments)).is_machine
    real = [each.is_machine for each in asyncio.run(decide_by_amd(clips, arguments, folder))]
    same = int((modelled == np.array(real)).sum())
    return (
        f"The model of AMD() that tries values decided {same} of {len(clips)} clips of the tuning half as Asterisk did."
    )


def make_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    return ["|" + "|".join(head) + "|", "|" + "---|" * len(head), *("|" + "|".join(row) + "|" for row in rows)]


def list_kind_rows(scores: Sequence[Score]) -> list[list[str]]:
    """Return a row for each kind of clip: how many each contender took for machines."""
    kinds = sorted(Kind, key=lambda kind: kind in MACHINES)
    return [
        [kind, "machine" if kind in MACHINES else "person", *(each.count([kind]) for each in scores)] for kind in kinds
    ]


def make_page(scores: Sequence[Score], notes: Sequence[str]) -> str:
    """Return the results page."""
    clips = scores[0].clips
    people = sum(not clip.is_machine for clip in clips)
    machines = len(clips) - people
    numbers = [f"{number}" for number in range(1, len(scores) + 1)]
    settings = [
        [number, each.contender.name, f"`{each.contender.setting}`"]
        for number, each in zip(numbers, scores, strict=True)
    ]
    return "\n".join(
        [
            "# Answering machines: results",
            "",
            "For engineers. Written by `python -m bench.bench_machines --write`: how well detectors tell answering machines from",
            f"people, on clips of {people} people and {machines} machines with voices and texts that none was tuned on. Each clip",
            "is a call over a real Asterisk. Silence counts as a person, but not with Asterisk's defaults.",
            "",
            "**The greetings are synthetic**: espeak-ng's voices in six languages, with background noise, G.711 or GSM, lost",
            "packets and levels of -36 to -18 dB. They compare detectors. They do not tell how many of your voters would be taken",
            "for machines, as real people and mailboxes speak and pause otherwise: that takes",
            "[a judged sample of your own calls](outcomes.md#measure-how-many-are-people).",
            "",
            f"The goal: at most {MOST_PEOPLE_TAKEN:.0%} of people taken for machines, at least {LEAST_MACHINES_FOUND:.0%} "
            f"of machines found, and a decision within {MEDIAN_SECONDS:g} s of the",
            f"answer at the median. {_describe_winners(scores)}",
            "",
            *notes,
            "",
            *make_table(HEAD, [each.list_cells() for each in scores]),
            "",
            f"What a site gains and loses in 1,000 answers, if {MACHINE_SHARE:.0%} are by machines and all are like the clips. The",
            "last column is the part of the calls taken for machines that are people:",
            "",
            *make_table(GAINS_HEAD, [each.list_cells_of_a_site() for each in scores]),
            "",
            "Taken for a machine, by kind of clip; the columns are the contenders in the order above:",
            "",
            *make_table(("who answers", "is a", *numbers), list_kind_rows(scores)),
            "",
            *make_table(("", "contender", "setting"), settings),
            "",
        ]
    )


def _describe_winners(scores: Sequence[Score]) -> str:
    winners = [each.contender.name for each in scores if each.meets_goal]
    return (
        f"Met by: {'; '.join(winners)}." if winners else "**Nothing here meets it**, so detection stays off by default."
    )


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the seed of the clips (default 1)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    add_size_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the clips, run the contenders, and print their tables."""
    options = parse_arguments(arguments)
    size: Size = options.size
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    share = size.pick(1, 6, 40)  # one in so many clips
    counts = {kind: max(1, count // share) for kind, count in CLIPS_PER_HALF.items()}
    try:
        program = find_asterisk()
        print_progress("making the clips")
        clips = make_clips(options.seed, clips_per_half=counts)
        seeds = range(options.seed + 1, options.seed + size.pick(TRAINING_SEEDS, 2, 1))
        more = [clip for seed in seeds for clip in make_clips(seed, [Half.TUNING], counts)]
        tuning = [clip for clip in clips if clip.half is Half.TUNING]
        held_out = [clip for clip in clips if clip.half is Half.HELD_OUT]
        with tempfile.TemporaryDirectory(prefix="matdan-machines-") as name:
            scores = []
            for contender in list_contenders(tuning, more):
                print_progress(f"{len(held_out)} calls: {contender.name}")
                scores.append(score(contender, held_out, Path(name)))
            agreement = check_model(tuning, SENSITIVE_AMD, Path(name))
    except (NoAsterisk, Unrunnable) as error:
        print(f"cannot run: {error}")
        return 0
    machine = f"{describe_machine()}, {os.cpu_count()} cores, load {load}"
    notes = [
        f"Measured {datetime.now().astimezone():%Y-%m-%d}: {get_asterisk_version(program)}, {machine}, seed {options.seed}.",
        agreement,
    ]
    page = make_page(scores, notes)
    print(page)
    if options.write:
        RESULTS.write_text(page, encoding="utf-8")
    return 0 if any(each.meets_goal for each in scores) or size is not Size.FULL else EXIT_GOAL_MISSED


if __name__ == "__main__":
    sys.exit(main())
