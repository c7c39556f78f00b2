"""The program `almeno-server`."""

import os
import sys
from collections.abc import Mapping, Sequence

from almeno_grpc.commands import COMMANDS
from almeno_grpc.config import CHECK, read_command_line
from almeno_grpc.serving.check import check
from almeno_grpc.serving.process_protection import protect_process
from almeno_grpc.serving.signals import keep_standard_descriptors
from almeno_grpc.serving.supervisor import FAILED, MISCONFIGURED, Supervisor


def main() -> int:
    """Serves in the foreground until SIGTERM or SIGINT; with the name of a command in front runs that instead.

    Returns:
        The exit code: 0 after a stop, 1 after a failure, 2 where a setting is at fault; or that of the command.
    """
    protect_process()
    keep_standard_descriptors()
    try:
        try:
            return _run(sys.argv[1:], os.environ)
        finally:
            # None where it was closed from the beginning.
            if sys.stdout:
                sys.stdout.flush()
    except OSError as error:
        # A full disk behind standard output, or a reader that has seen enough. What is left of the output would fail
        # once more at the end of the interpreter.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = error.filename or "standard output"
        sys.stderr.write(f"almeno-server: {where}: {(error.strerror or str(error)).lower()}\n")
        return FAILED


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:], environment)
    settings, faults = read_command_line(arguments, environment)
    if CHECK in arguments:
        return check(settings, faults, sys.stdout)
    if faults:
        sys.stderr.writelines(f"almeno-server: {fault}\n" for fault in faults)
        return MISCONFIGURED
    return Supervisor(settings).run()
