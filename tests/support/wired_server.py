"""Starts a server whose wiring is another module than the service's own: `python wired_server.py MODULE`."""

import os
import sys

from almeno_grpc.config import settings_from_command_line
from almeno_grpc.serving.supervisor import Supervisor

if __name__ == "__main__":
    sys.exit(Supervisor(settings_from_command_line(sys.argv[2:], os.environ), sys.argv[1]).run())
