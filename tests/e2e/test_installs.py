"""The distribution as others install it: small without extras, and each program says which one it needs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.installs import Install, build_wheel
from support.servers import StartServer

from almeno_grpc.extras import EXTRAS

pytestmark = pytest.mark.tools

MAX_CLIENT_MEGABYTES = 25
MAX_CLIENT_PACKAGES = 6
REGISTER = """
import sys
from almeno_client import CreditClient

with CreditClient(sys.argv[1]) as client:
    customer = client.register_customer(
        first_name="Asha", last_name="Rao", age=34, monthly_income=85_000, phone_number="9845012345"
    )
    application = client.create_loan(
        customer.customer_id, loan_amount=500_000, interest_rate="10.5", tenure_months=60
    )
    print(application.loan.monthly_installment)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def client_alone(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Install:
    """The wheel without extras."""
    return Install(tmp_path_factory.mktemp("client") / "install", wheel)


@pytest.fixture
def installed(tmp_path: Path, wheel: Path, record_property: Callable[[str, object], None]) -> Callable[..., Install]:
    """Installs the wheel with extras, and notes what that takes."""

    def install(*extras: str) -> Install:
        made = Install(tmp_path / "install", wheel, *extras)
        record_property(f"almeno-grpc[{','.join(extras)}]", size_of(made))
        return made

    return install


def size_of(install: Install) -> str:
    return f"{install.size_megabytes():.1f} MB, {len(install.packages())} packages"


def test_client_library_alone_is_small_and_books_a_loan(
    client_alone: Install, start_server: StartServer, record_property: Callable[[str, object], None]
) -> None:
    record_property("almeno-grpc", size_of(client_alone))
    assert len(client_alone.packages()) <= MAX_CLIENT_PACKAGES, client_alone.packages()
    assert client_alone.size_megabytes() <= MAX_CLIENT_MEGABYTES
    booked = client_alone.run("python", "-c", REGISTER, start_server().address)
    assert (booked.stdout, booked.stderr) == ("10746.95\n", "")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("almeno", "almeno: the command line is not installed: pip install 'almeno-grpc[cli]'\n"),
        ("almeno-server", "almeno-server: the server is not installed: pip install 'almeno-grpc[server]'\n"),
    ],
)
def test_program_without_its_extra_says_what_to_install(client_alone: Install, program: str, message: str) -> None:
    ended = client_alone.run(program, "--help")
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", message)


def test_command_line_works_without_the_server_and_draws_pages_with_its_own_extra(
    installed: Callable[..., Install], start_server: StartServer, tmp_path: Path
) -> None:
    command_line, page = installed("cli"), tmp_path / "page.html"
    address = start_server().address

    def almeno(*arguments: str) -> str:
        ended = command_line.run("almeno", "--address", address, "--output", "table", *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "There are no customers" in almeno("customers")
    assert "Gross non-performing" in almeno("report")
    refused = command_line.run("almeno", "--address", address, "report", "--html", str(page))
    assert (refused.returncode, "almeno-grpc[report]" in refused.stderr, page.exists()) == (2, True, False)
    command_line.add("report")
    almeno("report", "--html", str(page))
    assert page.is_file()


def test_server_works_without_the_command_line_and_names_the_extra_of_postgresql(
    installed: Callable[..., Install], tmp_path: Path
) -> None:
    install = installed("server")
    refused = install.run("almeno-server", "--database-url", "postgresql://bank@127.0.0.1/credit")
    assert (refused.returncode, "pip install 'almeno-grpc[postgres]'" in refused.stderr) == (2, True)
    server = install.server_class()(tmp_path)
    try:
        booked = install.run("python", "-c", REGISTER, server.address)
        assert (booked.stdout, booked.stderr) == ("10746.95\n", "")
    finally:
        server.kill_all()


@pytest.mark.parametrize("extras", [("cli", "report"), ("postgres",), ("otel",), tuple(EXTRAS)])
def test_extras_are_installed_from_wheels(installed: Callable[..., Install], extras: tuple[str, ...]) -> None:
    assert installed(*extras).run("python", "-c", "import almeno_client").returncode == 0
