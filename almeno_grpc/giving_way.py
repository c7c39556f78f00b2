"""How long work in the background keeps off the processors that calls need."""

import os
import time

_REST_SECONDS = 0.00005
"""As asked for; the kernel's timers may be late by as much again. To rest longer has shown no gain."""


def give_way() -> None:
    """Lets those run who wait for this processor; where nobody does, it takes a fraction of a microsecond.

    Long work calls this between its steps, where it can every half a millisecond. To be nice is not enough: a thread of
    a server that wakes another one is put aside for that one, and a fair scheduler then gives the long work what it has
    missed first, until the next tick of the clock, up to 4 ms later. A server is bound to its processor: it waits even
    where another is idle.
    """
    os.sched_yield()


def rest() -> None:
    """Sleeps for about a tenth of a millisecond.

    For steps of which a server of a database does half: its process is not nice, and a call makes several hops between
    such processes, before each of which the next step may come. To give way leaves that as it is.
    """
    time.sleep(_REST_SECONDS)
