"""The polling delay of queue triggers."""

from infrastructure.local.functions_host.queues import Backoff


def test_delays_grow_to_the_longest_and_begin_anew_after_a_message() -> None:
    """A tenth of a second first, then longer with jitter, never above maxPollingInterval."""
    backoff = Backoff(1.0)
    delays = [backoff.following() for _ in range(12)]
    assert delays[0] == 0.1
    assert delays == sorted(delays)
    assert delays[-1] == 1.0
    backoff.reset()
    assert backoff.following() == 0.1
