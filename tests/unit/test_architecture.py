"""The four homes and the rooms of the dialler: imports run one way, there is no cycle, and pure rooms stay pure."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.house import HOMES, ROOT, House, Module, circles, imports_of, read_house

PURE = (
    "dialer/engine/call.py",
    "dialer/engine/effects.py",
    "dialer/engine/seat.py",
    "dialer/engine/keypad.py",
    "dialer/engine/log_ins.py",
    "dialer/engine/trunks.py",
    "dialer/domain/model.py",
    "dialer/domain/view.py",
    "dialer/domain/commands/*.py",
    "dialer/domain/complaints.py",
    "dialer/domain/person_ids.py",
    "dialer/rules/*.py",
    "dialer/audit/*.py",
    "dialer/pacing/*.py",
    "dialer/polling_day/*.py",
    "dialer/domain/switch.py",
    "dialer/switch/asterisk/ami_codec.py",
    "dialer/switch/asterisk/agi_codec.py",
    "dialer/switch/asterisk/tracker.py",
    "dialer/engine/transfers/state.py",
    "dialer/engine/supervision/state.py",
    "dialer/switch/asterisk/ami_session.py",
    "dialer/switch/asterisk/places.py",
    "dialer/switch/routed.py",
    "dialer/switch/twilio/pages.py",
    "dialer/switch/twilio/spend.py",
    "dialer/switch/twilio/states.py",
    "dialer/switch/twilio/tokens.py",
    "dialer/mqtt/topics.py",
    "dialer/nats/wire.py",
    "dialer/hq/ledger.py",
    "dialer/mqtt/payloads.py",
    "dialer/board/render.py",
    "dialer/board/panels.py",
    "dialer/board/parts.py",
    "audio/gate.py",
    "audio/names.py",
    "audio/numbers.py",
    "ivr_flows/machine.py",
    "ivr_flows/model.py",
    "ivr_flows/node.py",
    "ivr_flows/nodes/*.py",
    "ivr_flows/turns.py",
)
IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "socket",
        "sqlite3",
        "aiosqlite",
        "aiomqtt",
        "random",
        "secrets",
        "time",
        "os",
        "subprocess",
        "threading",
    }
)


MOST_SINGLE_IMPORTERS = 10  # short modules that belong into their only importer, as a rule
MOST_CONSTRUCTOR_ARGUMENTS = 5
MOST_FUNCTION_LINES = 71  # where the centre is joined


@pytest.fixture(scope="module")
def house() -> House:
    return read_house()


def test_imports_run_one_way_between_the_homes(house: House) -> None:
    back = [
        f"{name} imports {other}"
        for name, others in house.arrows.items()
        for other in others
        if HOMES.index(other.split(".")[0]) > HOMES.index(name.split(".")[0])
    ]
    assert not back


def test_no_module_imports_itself_in_a_circle(house: House) -> None:
    """Imports for the type checker alone are arrows too: who must know of each other belongs together, or under a third."""
    assert not circles(house.arrows)


def test_rooms_form_no_circle(house: House) -> None:
    """Two rooms that import each other, for the type checker alone too, are one room with a wall in the wrong place."""
    assert not circles(house.room_arrows())


def test_at_the_top_of_the_dialler_stand_wiring_entry_and_rooms(house: House) -> None:
    loose = {
        name for name, module in house.modules.items() if re.fullmatch(r"dialer\.\w+", name) and not module.is_package
    }
    assert loose == {"dialer.__main__", "dialer.app"}


def test_every_room_says_what_it_is_for(house: House) -> None:
    silent = [
        name for name, module in house.modules.items() if module.is_package and not ast.get_docstring(module.tree)
    ]
    assert not silent


def test_no_class_name_stands_for_two_things(house: House) -> None:
    assert not house.classes_named_twice()


def test_a_thought_lies_in_one_piece(house: House) -> None:
    singles = [module.name for module in house.single_importers()]
    assert len(singles) <= MOST_SINGLE_IMPORTERS, singles


def test_nothing_takes_or_says_too_much_at_once(house: House) -> None:
    assert house.constructors()[0][0] <= MOST_CONSTRUCTOR_ARGUMENTS
    assert house.functions()[0][0] <= MOST_FUNCTION_LINES


def test_the_engine_calls_nobody_back(house: House) -> None:
    """What follows is said (engine/effects.py), and carried out in one place: its timers and tasks alone come back to it."""
    assert house.callbacks("dialer.engine") == ["dialer.engine.engine.Engine._carry_out -> centre.adopt_tasks"]


def test_what_the_engine_knows_has_one_writer_each(house: House) -> None:
    """Beside the engine's own start. Live calls are put in place by `Centre` alone, their facts are written in call.py alone."""
    start = {"dialer.engine.engine"}
    several = {
        name: who - start for name, who in house.writers("dialer.engine.", "centre").items() if len(who - start) > 1
    }
    assert several == {}
    assert house.writers("dialer.engine.", "centre")["calls"] == set()
    elsewhere = [
        f"{name}:{node.lineno}"
        for name, module in house.modules.items()
        if name.startswith("dialer.engine.") and name != "dialer.engine.call"
        for node in module.nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "replace"
        and {keyword.arg for keyword in node.keywords} & {"leg", "talk", "flow"}
    ]
    assert elsewhere == []


def test_a_method_that_is_handed_to_somebody_else_is_found() -> None:
    tree = ast.parse(
        "class A:\n  def a(self): ...\n  def b(self):\n    Other(self.a); Other(x=lambda: self.a()); sorted([], key=self.a)"
    )
    house = House({"dialer.engine.x": Module("dialer.engine.x", ROOT, 4, tree)})
    assert house.callbacks("dialer.engine") == ["dialer.engine.x.A.a -> Other"] * 2
    assert house.callbacks("dialer.store") == []


@pytest.mark.parametrize("pattern", PURE)
def test_pure_rooms_import_no_outside_world(pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files, f"{pattern} matches nothing: keep this list true"
    for path in files:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        touched = {name.split(".")[0] for name in imports_of(nodes, running=True)} & IMPURE_MODULES
        assert not touched, f"{path.relative_to(ROOT)} imports {sorted(touched)}"


def test_forbidden_calls_are_nowhere(house: House) -> None:
    """`wait_for` swallows a cancellation on 3.11 (cpython #86296); an unbounded queue hides a stall until memory ends."""
    found = []
    for name, module in house.modules.items():
        for node in module.nodes:
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            called = getattr(node.func, "id", "") or f".{getattr(node.func, 'attr', '')}"
            bounded = any(keyword.arg == "maxsize" for keyword in node.keywords) or node.args
            if called.endswith("wait_for") or (called in {"Queue", ".Queue"} and not bounded):
                found.append(f"{name}:{node.lineno} {called}")
    assert not found


def test_a_running_dialler_has_not_imported_what_only_other_commands_need() -> None:
    """A restart in a call lasts as long as the start does; these alone were half of it."""
    heavy = (
        "av",
        "fpdf",
        "matplotlib",
        "xlsxwriter",
        "jinja2",
        "python_calamine",
        "rich",
        "dialer.reports",
        "dialer.rehearsal",
        "dialer.cli.roll",
    )
    program = f"import sys, dialer.cli.running, dialer.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_mqtt_library_has_one_door(house: House) -> None:
    for library in ("aiomqtt", "paho"):
        assert house.importing(library) == ["dialer.mqtt.client"]


def test_the_libraries_of_headquarters_have_one_door_each(house: House) -> None:
    for library, door in (("nats", "dialer.nats.session"), ("asyncpg", "dialer.hq.database")):
        assert house.importing(library) == [door]


def test_the_core_knows_no_mqtt(house: House) -> None:
    """It commits results as values; the store's encoder makes topics and payloads of them in the same transaction."""
    core = ("dialer.domain", "dialer.engine", "dialer.store", "dialer.rules", "dialer.pacing", "dialer.switch")
    assert [name for name in house.importing("dialer.mqtt") if name.startswith(core)] == []


def test_helpers_of_tests_stand_in_support() -> None:
    """No file of tests imports another, and beside them stand no helpers. Attacks, journeys and the lab are programs too."""
    tests = ROOT / "tests"
    files = sorted(tests.rglob("*.py"))
    an_import = re.compile(r"^\s*(?:from|import) tests\b[\w. ]*(?:\([^)]*\))?", re.MULTILINE)
    borrowing = [
        f"{path.relative_to(tests)}: {found}"
        for path in files
        for found in an_import.findall(path.read_text(encoding="utf-8"))
        if re.search(r"\b(test_\w+|conftest)\b", found)
    ]
    assert not borrowing
    beside = [path for path in files if not path.name.startswith(("test_", "__init__", "conftest"))]
    homes = {path.relative_to(tests).parts[0] for path in beside}
    assert homes == {"support", "asterisk", "attack", "journeys", "house.py", "supply_chain.py"}


def test_tests_lie_as_the_house_does() -> None:
    """A folder of unit or system tests is that of a room or a home; beside the folders stands what is of the whole project."""
    tests, rooms = ROOT / "tests", {path.name for path in (ROOT / "dialer").iterdir() if path.is_dir()}
    for kind, whole in (
        ("unit", {"architecture", "asterisk_lab", "docs", "first_campaign", "packages", "supply_chain"}),
        ("system", set()),
    ):
        folders = {path.name for path in (tests / kind).iterdir() if path.is_dir() and path.name != "__pycache__"}
        assert folders <= rooms | {"audio", "config", "ivr_flows", "bench"}
        assert {path.stem for path in (tests / kind).glob("test_*.py")} == {f"test_{name}" for name in whole}


def test_the_store_has_one_door(house: House) -> None:
    """SQL is run in the store's room alone. The reports keep statements of their own, and hand them in."""
    assert not house.importing("sqlite3", outside="dialer.store")
    running = {
        f"{name}: {ast.unparse(node)[:60]}"
        for name, module in house.modules.items()
        if not name.startswith("dialer.store")
        for node in module.nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "").startswith("execute")
        and re.search(r"\bdb\.execute\w*$|_db\.execute\w*$", ast.unparse(node.func))
    }
    assert not running
    with_statements = {
        module.name.rsplit(".", 1)[0]
        for module in house.modules.values()
        if "dialer.store.sql.load_statements" in module.imports and not module.name.startswith("dialer.store")
    }
    assert with_statements == {"dialer.reports", "dialer.hq"}
