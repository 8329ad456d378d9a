"""PINs, and the locks after wrong log-ins."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.errors import CommandRefused
from dialer.domain.pin_proof import PinProver, create_hash_for_unknown_agent, parse_pin_proof
from dialer.engine.seats import log_ins
from dialer.engine.seats.log_ins import AgentAccount, AgentRules, SignInSource, WrongLogIns
from dialer.engine.seats.pins import PinCheck, hash_pin
from tests.support.seats import CHEAP


def test_pin_of_an_agent_is_stored_only_as_a_hash() -> None:
    hashed = hash_pin("4711")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "4711" not in hashed
    assert hashed != hash_pin("4711")
    assert PinCheck([AgentAccount("101", hashed)]).is_pin_correct("101", "4711")


@pytest.mark.parametrize("pin", ["2468", "1234", "9876", "7890", "1111", "1212", "123123", "1112", "13579"])
def test_easily_guessed_pin_of_an_agent_is_refused(pin: str) -> None:
    with pytest.raises(CommandRefused, match="easy to guess"):
        hash_pin(pin)


@pytest.mark.parametrize("pin", ["", "123", "1" * 13, "12a4", "１２３４", "1234\n", " 1234"])
def test_invalid_pin_of_an_agent_is_refused(pin: str) -> None:
    with pytest.raises(CommandRefused, match="4 to 12 digits"):
        hash_pin(pin)


def test_pin_hash_of_an_earlier_version_is_still_valid() -> None:
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$hXBalvbPMzyNhw3wJGBloA$NrkYsKboRoEoubG0wpPa7b5RBgNTA4AFLpM2HnoF4+k"
    assert PinCheck([AgentAccount("101", hashed)]).is_pin_correct("101", "2468")
    proof = parse_pin_proof(PinProver({"101": hashed}).create_pin_proof("pune-1", "01", "101", "2468", 1_700_000_000.0))
    assert proof.is_valid_pin_proof(hashed, "pune-1", "01", "101")


def test_costs_of_pin_hashes_do_not_reveal_which_agent_numbers_exist() -> None:
    hashes = [CHEAP.hash("2468"), PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("1357")]
    numbers = [str(number) for number in range(100)]

    def list_costs() -> list[str]:
        return [create_hash_for_unknown_agent(hashes, number).rsplit("$", 2)[0] for number in numbers]

    costs = list_costs()
    assert set(costs) == {each.rsplit("$", 2)[0] for each in hashes}
    assert list_costs() == costs  # the same again, also after a restart
    assert create_hash_for_unknown_agent(hashes, "1") != create_hash_for_unknown_agent(hashes, "1")


def test_log_in_needs_a_known_agent_number_and_its_pin() -> None:
    check = PinCheck([AgentAccount("101", CHEAP.hash("2468")), AgentAccount("102", CHEAP.hash("1357"))])
    assert check.is_pin_correct("102", "1357")
    for number, pin in (
        ("101", "1357"),
        ("103", "2468"),
        ("", ""),
        ("101", "2468" * 10),
        ("101\r\n", "2468"),
        ("101", ""),
    ):
        assert not check.is_pin_correct(number, pin)


def test_log_in_of_an_unknown_agent_takes_as_long_as_a_wrong_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    known = CHEAP.hash("2468")
    check = PinCheck([AgentAccount("101", known)])
    verified: list[str] = []

    def verify(_: PasswordHasher, hashed: str | bytes, pin: str | bytes) -> bool:
        verified.append(str(hashed).rpartition("$")[0][:24])
        return True

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for number, pin in (("101", "2468"), ("999", "2468"), ("999", "x" * 1000)):
        check.is_pin_correct(number, pin)
    assert verified == [known[:24]] * 3  # the same parameters, so the same cost


def test_damaged_pin_hash_matches_no_pin() -> None:
    check = PinCheck([AgentAccount("101", CHEAP.hash("2468"))])
    check._accounts["102"] = AgentAccount("102", "no hash at all")
    assert not check.is_pin_correct("102", "2468")


THREE = AgentRules(3, 60.0)


def test_failed_log_ins_are_counted_for_the_agent_and_for_the_seat() -> None:
    wrong = WrongLogIns()
    assert not wrong.count_wrong_log_in("01", "101", 0.0, THREE)
    assert not wrong.count_wrong_log_in("02", "101", 1.0, THREE)
    assert wrong.count_wrong_log_in("03", "101", 2.0, THREE)  # the agent's third wrong PIN: locked with seat 03
    assert wrong.is_log_in_locked("03", "102", 3.0)
    assert wrong.is_log_in_locked("01", "101", 3.0)
    assert not wrong.is_log_in_locked("01", "102", 3.0)
    assert not wrong.is_log_in_locked("03", "101", 62.0)
    assert not wrong.unlock_seat("01", 3.0)
    assert wrong.unlock_seat("03", 3.0)
    assert not wrong.is_log_in_locked("01", "101", 3.0)


def test_successful_log_in_resets_the_count_of_failed_log_ins() -> None:
    wrong = WrongLogIns()
    for _ in range(20):
        assert not wrong.count_wrong_log_in("01", "101", 0.0, THREE)
        assert not wrong.count_wrong_log_in("01", None, 0.0, THREE)
        wrong.reset_wrong_log_in_counts("01", "101")


def test_wrong_pins_from_unknown_devices_lock_neither_known_devices_nor_the_seats_phone() -> None:
    wrong = WrongLogIns()
    known, new = SignInSource("d1", is_known_device=True), SignInSource("n9", is_known_device=False)
    for number in range(3):
        source = SignInSource(f"n{number}", is_known_device=False)
        locks = [wrong.count_wrong_log_in("01", "101", 0.0, THREE, source) for _ in range(2)]
        assert locks == [False, number == 2]  # six wrong PINs for this agent from unknown devices
        assert wrong.is_log_in_locked("01", "101", 1.0, source) == (number == 2)
    assert wrong.is_log_in_locked("01", "101", 1.0, new)
    assert not wrong.is_log_in_locked("01", "101", 1.0, known)
    assert not wrong.is_log_in_locked("01", "101", 1.0)  # by phone
    assert not wrong.is_log_in_locked("01", "102", 1.0, new)
    assert wrong.unlock_seat("01", 1.0)
    assert not wrong.is_log_in_locked("01", "101", 1.0, new)


def test_wrong_pins_lock_an_agent_only_on_the_network_or_device_that_sent_them() -> None:
    wrong = WrongLogIns()
    network, device = SignInSource("n1", is_known_device=False), SignInSource("d1", is_known_device=True)
    for source in (network, device):
        locks = [wrong.count_wrong_log_in("01", "101", 0.0, THREE, source) for _ in range(3)]
        assert locks == [False, False, True]
        assert wrong.is_log_in_locked("02", "101", 59.0, source)
        assert not wrong.is_log_in_locked("01", "102", 59.0, source)
        assert not wrong.is_log_in_locked("01", "101", 60.0, source)
    assert not wrong.is_log_in_locked("01", "101", 1.0, SignInSource("n2", is_known_device=False))


def test_network_that_tries_wrong_pins_of_many_agents_is_locked_for_all_agents() -> None:
    wrong = WrongLogIns()
    network = SignInSource("n1", is_known_device=False)
    locks = [wrong.count_wrong_log_in("01", agent, 0.0, THREE, network) for agent in ("1", "2", None, "3", None, "4")]
    assert locks == [False] * 5 + [True]
    assert wrong.is_log_in_locked("02", "5", 1.0, network)


def test_flood_of_wrong_pins_does_not_remove_an_agents_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_ins, "MAX_SOURCES", 5)
    wrong = WrongLogIns()
    for number in range(6):
        wrong.count_wrong_log_in("01", "101", 0.0, THREE, SignInSource(f"n{number}", is_known_device=False))
    for number in range(50):
        wrong.count_wrong_log_in("01", None, 0.0, THREE, SignInSource(f"m{number}", is_known_device=False))
    assert wrong.is_log_in_locked("01", "101", 1.0, SignInSource("n9", is_known_device=False))
    assert len(wrong._failures) == 5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["01", "02"]), st.sampled_from(["101", "102", None]), st.booleans())))
def test_number_of_consecutive_failed_log_ins_never_exceeds_the_limit(
    tries: list[tuple[str, str | None, bool]],
) -> None:
    wrong = WrongLogIns()
    in_a_row: dict[str, int] = {}
    for seat, agent, right in tries:
        if wrong.is_log_in_locked(seat, agent, 0.0):
            continue
        if right and agent is not None:
            wrong.reset_wrong_log_in_counts(seat, agent)
            in_a_row[seat] = in_a_row[agent] = 0
        else:
            wrong.count_wrong_log_in(seat, agent, 0.0, AgentRules(4, 1e9))
            for key in filter(None, (seat, agent)):
                in_a_row[key] = in_a_row.get(key, 0) + 1
    assert max(in_a_row.values(), default=0) <= 4
