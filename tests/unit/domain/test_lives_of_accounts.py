"""Accounts through whatever happens to them, in any order, against a model written from the rules alone.

`ALMENO_ACCOUNT_TRIALS` says how many loans live.
"""

from support.lives import tell_lives
from support.lives_of_accounts import HAPPENS, LivesOfAccounts
from support.trials import ACCOUNT_TRIALS


def test_accounts_live_as_the_model_says_whatever_happens_to_them(request) -> None:
    tell_lives(request, LivesOfAccounts, HAPPENS, ACCOUNT_TRIALS)
