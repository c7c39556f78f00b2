"""`almeno-server ops`: files to run the server with, which the package brings, printed to standard output."""

import sys
from collections.abc import Mapping, Sequence
from importlib import resources

from almeno_grpc.arguments import ArgumentParser

FILES = {
    "dashboard": ("dashboard.json", "dashboard for Grafana, of the server's metrics in Prometheus"),
    "alerts": ("alerts.yaml", "alert rules for Prometheus"),
    "systemd": ("almeno.service", "unit for systemd"),
    "container": ("Containerfile", "recipe of a container image, for Podman or Docker, from a checkout of the source"),
    "kubernetes": ("kubernetes.yaml", "manifests for Kubernetes, with PostgreSQL"),
    "kubernetes-sqlite": ("kubernetes-sqlite.yaml", "manifests for Kubernetes, with a SQLite file on a volume"),
}
"""By the name of the command: the file in `almeno_grpc/ops`, and what it is."""


def main(arguments: Sequence[str], _environment: Mapping[str, str]) -> int:
    """Prints a file.

    Args:
        arguments: What stands behind `almeno-server ops`.

    Returns:
        The exit code, 0.
    """
    sys.stdout.write(content(_parser().parse_args(arguments).file))
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="almeno-server ops",
        description="Prints files to run the server with, as a start: change what is different with you.",
        examples=("almeno-server ops systemd > almeno.service", "almeno-server ops alerts > alerts.yaml"),
    )
    commands = parser.add_subparsers(required=True, metavar="FILE", dest="file")
    for name, (file, text) in FILES.items():
        commands.add_parser(
            name, help=text, description=f"Prints a {text}.", examples=(f"almeno-server ops {name} > {file}",)
        )
    return parser


def content(name: str) -> str:
    """The file of a command."""
    file, _ = FILES[name]
    return (resources.files("almeno_grpc") / "ops" / file).read_text(encoding="utf-8")
