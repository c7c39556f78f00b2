"""The entry point of `almeno-server`, which is `python -m almeno_grpc`: says how to install the server if it is not."""

import sys

from almeno_grpc.extras import ExtraMissing, require_extra


def main() -> int:
    """Runs the program.

    Returns:
        The exit code: that of the server or the command, or 2 where the server is not installed.
    """
    try:
        require_extra("server", "the server")
    except ExtraMissing as missing:
        sys.stderr.write(f"almeno-server: {missing}\n")
        return 2
    from almeno_grpc import server  # noqa: PLC0415 - its packages are an extra

    return server.main()


if __name__ == "__main__":
    sys.exit(main())
