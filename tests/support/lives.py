"""Lives told by hypothesis until everything that can happen has happened."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_MAX_TRIES = 3


def tell_lives(
    request: pytest.FixtureRequest,
    life: Callable[[Counter[str]], RuleBasedStateMachine],
    happens: Sequence[str],
    trials: int,
    steps: int = 25,
) -> None:
    """Runs a state machine so many times, and tells what has happened with the results of the test.

    Args:
        request: The test's.
        life: Makes the machine; it counts what happens.
        happens: What has to happen. Chance may leave something out, and where `CI` is set hypothesis tells the same
            stories each time: so more of them are told then.
        trials: How many lives.
        steps: How much happens in one, at most.
    """
    happened: Counter[str] = Counter()
    for more in range(1, _MAX_TRIES + 1):
        run_state_machine_as_test(
            lambda: life(happened),
            settings=settings(
                max_examples=trials * more,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
        if all(happened[each] for each in happens):
            break
    request.node.user_properties.append(("lives", f"{dict(happened)}"))
    assert all(happened[each] for each in happens)
