"""Which replicas begin and end next: requests are always answered by as many as are wanted."""

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.local.runner.workloads.rolling import Plan, Seen, servers, workers


def test_at_first_as_many_begin_as_are_wanted() -> None:
    assert servers([], 2, 4) == Plan(start=(0, 1))


def test_one_is_replaced_by_another_in_the_free_slot_which_has_to_be_ready_first() -> None:
    old = Seen(0, is_current=False, is_ready=True)
    assert servers([old], 1, 2) == Plan(start=(1,))
    new = Seen(1, is_current=True, is_ready=False)
    assert servers([old, new], 1, 2) == Plan()
    ready = Seen(1, is_current=True, is_ready=True)
    assert servers([old, ready], 1, 2) == Plan(stop=(0,))


def test_one_that_does_not_answer_goes_as_soon_as_another_has_begun() -> None:
    broken = Seen(0, is_current=False, is_ready=False)
    new = Seen(1, is_current=True, is_ready=False)
    assert servers([broken, new], 1, 2) == Plan(stop=(0,))


def test_a_slot_is_used_again_only_when_nothing_of_it_is_alive() -> None:
    leaving = Seen(0, is_current=True, is_ready=False, is_stopping=True)
    assert servers([leaving], 1, 2) == Plan(start=(1,))
    other = Seen(1, is_current=True, is_ready=False, is_stopping=True)
    assert servers([leaving, other], 1, 2) == Plan()


def test_of_too_many_those_go_first_that_do_not_answer_and_then_the_highest() -> None:
    seen = [
        Seen(0, is_current=True, is_ready=False),
        Seen(1, is_current=True, is_ready=True),
        Seen(2, is_current=True, is_ready=True),
    ]
    assert servers(seen, 2, 4) == Plan(stop=(0,))
    assert servers(seen, 1, 4) == Plan(stop=(0, 2))


def test_at_zero_all_go() -> None:
    seen = [
        Seen(0, is_current=True, is_ready=True),
        Seen(1, is_current=False, is_ready=True),
        Seen(2, is_current=True, is_ready=False, is_stopping=True),
    ]
    assert sorted(servers(seen, 0, 4).stop) == [0, 1]


def test_a_worker_ends_before_its_replacement_begins() -> None:
    old = Seen(0, is_current=False, is_ready=True)
    assert workers([old], 1) == Plan(stop=(0,))
    leaving = Seen(0, is_current=False, is_ready=False, is_stopping=True)
    assert workers([leaving], 1) == Plan()
    assert workers([], 2) == Plan(start=(0, 1))


@given(
    seen=st.lists(
        st.builds(
            Seen,
            slot=st.integers(0, 5),
            is_current=st.booleans(),
            is_ready=st.booleans(),
            is_stopping=st.booleans(),
        ),
        max_size=6,
        unique_by=lambda one: one.slot,
    ),
    wanted=st.integers(1, 5),
)
def test_no_step_answers_with_fewer_than_wanted_or_runs_more_than_one_too_many(
    seen: list[Seen], wanted: int
) -> None:
    plan = servers(seen, wanted, 6)
    alive = {one.slot: one for one in seen if not one.is_stopping}
    left = [one for slot, one in alive.items() if slot not in plan.stop]
    ready = sum(one.is_ready for one in alive.values())
    assert sum(one.is_ready for one in left) >= min(ready, wanted)
    if plan.start:
        assert len(alive) + len(plan.start) <= wanted + 1
    assert not set(plan.start) & {one.slot for one in seen}


@given(wanted=st.integers(1, 4), olds=st.integers(0, 4))
def test_it_always_comes_to_rest_with_what_is_wanted(wanted: int, olds: int) -> None:
    slots = 6
    seen = {slot: Seen(slot, is_current=False, is_ready=True) for slot in range(olds)}
    for _ in range(50):
        plan = servers(list(seen.values()), wanted, slots)
        if plan == Plan() and all(one.is_ready for one in seen.values()):
            break
        for slot in plan.stop:
            del seen[slot]
        for slot in plan.start:
            seen[slot] = Seen(slot, is_current=True, is_ready=False)
        seen = {
            slot: Seen(slot, is_current=one.is_current, is_ready=True) for slot, one in seen.items()
        }
    assert len(seen) == wanted
    assert all(one.is_current for one in seen.values())
