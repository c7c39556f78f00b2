"""The command line as a terminal starts it: an interrupt reaches it, also where the tests run in the background.

A shell lets the programs it starts in the background ignore interrupts, and they hand that on to what they start.
"""

import sys

_SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from almeno_client.cli import main
main()
"""

INTERRUPTIBLE_ALMENO = (sys.executable, "-c", _SCRIPT)
