"""The rule files of the service: those of the package, and beside them those of the folder that a lender names.

Policies, terms and norms are kinds of them. What has been used is pinned in the database by the SHA-256 of its file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath
from typing import Generic

from almeno_grpc.domain.errors import FailedPrecondition, PolicyChanged, TermsChanged
from almeno_grpc.domain.norms_file import parse_norms
from almeno_grpc.domain.policy_file import parse_policy
from almeno_grpc.domain.rule_file import DatedRule, R, RuleFileError
from almeno_grpc.domain.terms_file import parse_terms

FOLDERS = ("norms", "policies", "terms")


@dataclass(frozen=True)
class RuleKind(Generic[R]):
    """A kind of rule files."""

    name: str
    """As messages have it."""
    folder: str
    """Below the package, and below the folder of a lender; one of `FOLDERS`."""
    used: str
    """What a version has done whose file may not change, as messages have it."""
    parse: Callable[[bytes], R]
    """Reads a file; raises RuleFileError where it is not sound."""
    changed: type[FailedPrecondition]
    """The error where this process has another file than the one that is pinned."""


POLICIES = RuleKind("policy", "policies", "taken decisions", parse_policy, PolicyChanged)
NORMS = RuleKind("norms", "norms", "made provisions", parse_norms, FailedPrecondition)
"""Never pinned: nothing that is stored follows from them."""
TERMS = RuleKind("terms", "terms", "booked loans", parse_terms, TermsChanged)


def load_rules(kind: RuleKind[R], lender_folder: Path | None) -> list[R]:
    """Reads the files of the package, and those of a lender's folder where there is one.

    Raises:
        RuleFileError: A file or the folder cannot be used; the message names it.
    """
    package = resources.files("almeno_grpc") / kind.folder
    files = [(file.name, file.read_bytes()) for file in package.iterdir() if file.name.endswith(".toml")]
    return parse_rules(kind, [*files, *(_files(kind.folder, lender_folder) if lender_folder else ())])


def parse_rules(kind: RuleKind[R], files: Iterable[tuple[str, bytes]]) -> list[R]:
    """Parses files, given by path and content.

    Raises:
        RuleFileError: A file is invalid, is not named after its version, or has the version of another.
    """
    rules: list[R] = []
    paths: dict[str, str] = {}
    for path, content in files:
        try:
            rule = kind.parse(content)
        except RuleFileError as error:
            raise RuleFileError(f"{kind.name} file {path}: {error}") from error
        if PurePath(path).name != f"{rule.version}.toml":
            raise RuleFileError(f"{kind.name} file {path}: a file is named after its version, {rule.version}.toml")
        if rule.version in paths:
            raise RuleFileError(
                f"{kind.name} file {path}: the version {rule.version} stands in {paths[rule.version]} already"
            )
        paths[rule.version] = path
        rules.append(rule)
    return sorted(rules, key=lambda rule: (rule.effective_date, rule.version))


def _files(folder: str, lender_folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a kind in a lender's folder; a kind may be missing, but nothing may lie where nobody reads it."""
    try:
        found = {path.name for path in lender_folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        for name in sorted(found.difference(FOLDERS)):
            raise RuleFileError(f"{lender_folder / name}: rules lie in the folders {', '.join(FOLDERS)}")
        if not found:
            raise RuleFileError(f"{lender_folder} has none of the folders {', '.join(FOLDERS)}")
        if folder in found:
            for path in sorted((lender_folder / folder).glob("*.toml")):
                yield str(path), path.read_bytes()
    except OSError as error:
        raise RuleFileError(f"{error.filename or lender_folder}: {error.strerror}") from error


def check_pins(
    kind: RuleKind[R], pins: Mapping[str, str], rules: Sequence[R], *, content_is_pinned: bool = False
) -> None:
    """Checks that files that have been used have the SHA-256 that was pinned.

    Args:
        kind: Which files.
        pins: SHA-256 by version.
        rules: What the files hold now.
        content_is_pinned: Whether the database has what is in the files, so that one may be gone.

    Raises:
        RuleFileError: A file has changed or is gone.
    """
    sha256_by_version = {rule.version: rule.sha256 for rule in rules}
    for version, sha256 in sorted(pins.items()):
        if version not in sha256_by_version:
            if content_is_pinned:
                continue
            raise RuleFileError(f"{kind.name} {version} has {kind.used}, but its file is gone; put it back")
        if sha256_by_version[version] != sha256:
            raise RuleFileError(
                f"{kind.name} {version} has {kind.used}, but its file has changed since (SHA-256 was {sha256}); put "
                "the old file back and publish the change as a new version"
            )


class PinnedVersions:
    """The versions of one kind whose files in this process are known to be the pinned ones."""

    def __init__(self, kind: RuleKind[R]) -> None:
        self._kind = kind
        self._known: set[str] = set()

    def __contains__(self, version: str) -> bool:
        return version in self._known

    def must_be_pinned(self, rule: DatedRule, pins: Mapping[str, str] | None) -> bool:
        """Whether the rule is used for the first time.

        Args:
            rule: The rule.
            pins: SHA-256 by version, as the transaction reads them; None where the version is known to be pinned.

        Raises:
            FailedPrecondition: Another file has been used under this version.
        """
        if pins is None:
            return False
        pinned = pins.get(rule.version)
        if pinned is None:
            return True
        if pinned != rule.sha256:
            raise self._kind.changed(
                f"{self._kind.name} {rule.version} has {self._kind.used} from another file; this server has to start "
                "with that one",
                metadata={f"{self._kind.name}_version": rule.version},
            )
        # Read from the database, so an earlier transaction has committed it.
        self._known.add(rule.version)
        return False
