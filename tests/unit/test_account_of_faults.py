"""The account that the fault harness gives of how long what is whole stood still: figures of it are published, so it
has to be right. Times are said, nobody waits."""

import pytest
from faults.going_on import KAFKA, LEDGER, REGISTER, WRITES, Account
from faults.rounds import Report


@pytest.fixture
def account() -> Account:
    """The log grows by one a second; the register follows at once; the sealer stands still from 3 to 9."""
    made = Account()
    for second in range(12):
        sealed = second if second < 3 or second >= 9 else 2
        told, handled = {"rsud": second, "dinsos": second}, {"rsud": min(second, 4), "dinsos": second}
        made.seen(float(second), second, {REGISTER: second, LEDGER: sealed}, told, handled)
    return made


def test_what_was_not_hit_is_counted_from_the_fault_on(account: Account) -> None:
    """At 8 what came at 3 waits still: 5 s; where the fault came at 5, 3 of them."""
    assert account.waited((), 0, 0, 11).others[LEDGER] == 5
    assert account.waited((), 5, 5, 11).others[LEDGER] == 3
    assert account.waited((), 9, 9, 11).others[LEDGER] == 0
    assert account.waited((), 0, 0, 11).others[REGISTER] == 0


def test_what_was_hit_is_counted_from_when_that_was_right_again(account: Account) -> None:
    found = account.waited({LEDGER}, 2, 6, 11)
    assert found.hit == {LEDGER: 2}
    assert found.others[LEDGER] == 0, "it is not among the others, too"


def test_an_agency_that_is_told_and_does_not_handle_it_waits_until_it_does(account: Account) -> None:
    found = account.waited((), 0, 0, 11).others
    assert (found["agencies on Kafka"], found["agencies on HTTP"]) == (6, 0)
    assert account.waited(KAFKA, 0, 10, 11).hit == {"agencies on Kafka": 1}


def test_what_comes_after_the_end_does_not_count(account: Account) -> None:
    assert account.waited((), 0, 0, 5).others[LEDGER] == 2


def test_a_write_that_is_not_answered_yet_counts_as_far_as_one_looked(account: Account) -> None:
    assert account.waited((), 0, 0, 8, [(1.0, 1.5), (6.0, 100.0)]).others[WRITES] == 2


def test_an_older_state_that_is_restored_makes_nobody_wait_for_what_is_lost() -> None:
    account = Account()
    account.seen(0.0, 100, {REGISTER: 100}, {}, {})
    account.seen(1.0, 40, {REGISTER: 40}, {}, {})
    account.seen(2.0, 40, {REGISTER: 40}, {}, {})
    account.seen(3.0, 41, {REGISTER: 41}, {}, {})
    assert account.waited((), 0, 0, 4).others[REGISTER] == 0


@pytest.mark.parametrize(("before", "is_named"), [(0.2, True), (2.0, False)])
def test_a_run_names_what_stood_still_for_longer_than_on_this_machine_can_be(
    account: Account, before, is_named
) -> None:
    report = Report("embedded", 1, undisturbed={LEDGER: before})
    report.took_in("halt sealer", account.waited((), 0, 0, 11))
    assert [line for line in report.stood_still(3) if "ledger waited 5.0 s" in line] == [
        "halt sealer: ledger waited 5.0 s"
    ] * is_named
    assert any("not hit" in line and "halt sealer" in line for line in report.lines())
