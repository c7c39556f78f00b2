"""How much the trials try: the one place where their settings are read. Small by default; `.ci/run` has its own."""

import os


def _count(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)


CRASH_TRIALS = _count("ALMENO_CRASH_TRIALS", 8)
"""Processes killed under load."""
FAILOVER_TRIALS = _count("ALMENO_FAILOVER_TRIALS", 2)
"""Primary databases killed under load."""
POWER_LOSS_TRIALS = _count("ALMENO_POWER_LOSS_TRIALS", 1)
"""Cuts of the power of a disk under load, of each database."""
FULL_DISK_TRIALS = _count("ALMENO_FULL_DISK_TRIALS", 2)
"""Disks filled under load."""
STOP_TRIALS = _count("ALMENO_STOP_TRIALS", 1)
"""Times that each process is stopped under load."""
FUZZ_EXAMPLES = _count("ALMENO_FUZZ_EXAMPLES", 30)
"""Inputs tried with each RPC, of each kind."""
FLOOD_SECONDS = _count("ALMENO_FLOOD_SECONDS", 3)
"""How long each flood lasts."""
EVENT_TRIALS = _count("ALMENO_EVENT_TRIALS", 1)
"""Times that the events of 16 writers are followed while some of them are killed, on each database."""
ACCOUNT_TRIALS = _count("ALMENO_ACCOUNT_TRIALS", 15)
"""Loans whose accounts are held against the model, each with up to 25 things that happen to it."""
SUM_TRIALS = _count("ALMENO_SUM_TRIALS", 2)
"""Random histories that are added up a day, on each database."""
MIGRATION_TRIALS = _count("ALMENO_MIGRATION_TRIALS", 3_000)
"""Loans of the book that is upgraded beside servers that book."""
