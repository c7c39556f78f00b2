"""The entry point of `almeno`, which is `python -m almeno_client`: says how to install it if it is not."""

import gc
import sys

from almeno_grpc.extras import ExtraMissing, require_extra

GARBAGE_COLLECTION_THRESHOLD = 200_000
"""How many more objects are made than freed before garbage is looked for: more than a short command makes."""


def main() -> None:
    """Runs the command line."""
    try:
        require_extra("cli", "the command line")
    except ExtraMissing as missing:
        sys.stderr.write(f"almeno: {missing}\n")
        sys.exit(2)
    from almeno_client import cli  # noqa: PLC0415 - its packages are an extra

    # A sixth of the time of a short command went into looking for garbage among the modules that it had loaded: again
    # and again while it loaded them, and once more at its end.
    gc.set_threshold(GARBAGE_COLLECTION_THRESHOLD)
    try:
        cli.main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
