"""The entry point of `almeno`, which is `python -m almeno_client`: says how to install it if it is not."""

import sys

from almeno_grpc.extras import ExtraMissing, require_extra


def main() -> None:
    """Runs the command line."""
    try:
        require_extra("cli", "the command line")
    except ExtraMissing as missing:
        sys.stderr.write(f"almeno: {missing}\n")
        sys.exit(2)
    from almeno_client import cli  # noqa: PLC0415 - its packages are an extra

    cli.main()


if __name__ == "__main__":
    main()
