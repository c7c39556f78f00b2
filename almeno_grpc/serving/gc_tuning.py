"""What the garbage collector of a process has to look at."""

import gc

_YOUNG_OBJECTS = 5_000
"""New objects after which the garbage collector looks at them."""


def freeze_loaded_objects() -> None:
    """Has the garbage collector look at what comes, but no more at the modules and all that was set up.

    To look at those takes tens of milliseconds, in which calls wait: in the process that serves them, and behind the
    lock of an import that is in the middle of a batch.
    """
    gc.collect()
    gc.freeze()
    # gRPC leaves some cycles behind with each call. To look for them after 700 objects, as is the default, is to look
    # several times a call.
    gc.set_threshold(_YOUNG_OBJECTS)
