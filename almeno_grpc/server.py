"""The program `almeno-server`."""

import os
import sys

from almeno_grpc.commands import COMMANDS
from almeno_grpc.config import CHECK, ConfigurationError, settings_from_command_line
from almeno_grpc.serving.check import check
from almeno_grpc.serving.process_protection import protect_process
from almeno_grpc.serving.signals import keep_standard_descriptors
from almeno_grpc.serving.supervisor import MISCONFIGURED, Supervisor


def main() -> int:
    """Serves in the foreground until SIGTERM or SIGINT; with the name of a command in front runs that instead.

    Returns:
        The exit code: 0 after a stop, 1 after a failure, 2 where a setting is at fault; or that of the command.
    """
    protect_process()
    keep_standard_descriptors()
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command is not None:
        return command(sys.argv[2:], os.environ)
    try:
        settings = settings_from_command_line(sys.argv[1:], os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"almeno-server: {error}\n")
        return MISCONFIGURED
    if CHECK in sys.argv[1:]:
        return check(settings, sys.stdout)
    return Supervisor(settings).run()
