"""What keeps a process of the server to itself."""

import os
import resource

_OWNER_ONLY = 0o077


def protect_process() -> None:
    """Keeps what this process and those that it starts write to files from other users of the machine.

    Files are made with the mode 0600 and folders with 0700, and a crash leaves no core file, which would hold all that
    the process knew of people.
    """
    os.umask(_OWNER_ONLY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
