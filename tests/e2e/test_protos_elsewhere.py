"""The protos with what others compile them by: buf, and the protoc that a distribution brings."""

import re
import shutil
import subprocess
from pathlib import Path

import google.type
import pytest
from support.servers import BIN, ROOT

PROTOS = ROOT / "protos"
GOOGLEAPIS = Path(next(iter(google.type.__path__))).parents[1]
LOCAL_PLUGINS = {
    "buf.build/protocolbuffers/go": "local: protoc-gen-go",
    "buf.build/grpc/go": "local: protoc-gen-go-grpc",
    "buf.build/bufbuild/es": "local: protoc-gen-es",
    "buf.build/protocolbuffers/java": "protoc_builtin: java",
}
"""What stands for the plugins of buf's registry; Maven runs that of grpc-java for the program in Java."""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The folder of the protos as buf sees it, with the dependency's files beside it in the place of its registry."""
    shutil.copytree(PROTOS / "almeno", tmp_path / "protos" / "almeno")
    for folder in ("api", "rpc", "type"):
        for proto in (GOOGLEAPIS / "google" / folder).glob("*.proto"):
            copy = tmp_path / "googleapis" / proto.relative_to(GOOGLEAPIS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(proto, copy)
    modules = "modules: [{path: protos}, {path: googleapis, name: buf.build/googleapis/googleapis}]\n"
    (tmp_path / "buf.yaml").write_text((PROTOS / "buf.yaml").read_text(encoding="utf-8") + modules, encoding="utf-8")
    return tmp_path


def buf(workspace: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "buf", *command], cwd=workspace, capture_output=True, text=True, check=False, timeout=120
    )


def assert_done(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0, result.stdout + result.stderr


def test_buf_builds_and_checks_the_protos_with_its_own_configuration(workspace: Path) -> None:
    (released,) = PROTOS.glob("almeno-*.binpb")
    assert_done(buf(workspace, "build"))
    assert_done(buf(workspace, "lint", "protos"))
    assert_done(buf(workspace, "breaking", "protos", "--against", str(released)))


def test_buf_sees_a_method_that_has_gone(workspace: Path) -> None:
    (released,) = PROTOS.glob("almeno-*.binpb")
    changed = workspace / "protos/almeno/credit/v1/credit_service.proto"
    changed.write_text(changed.read_text(encoding="utf-8").replace("rpc GetLoan(", "rpc FetchLoan("), encoding="utf-8")
    result = buf(workspace, "breaking", "protos", "--against", str(released))
    assert (result.returncode, '"GetLoan" on service "CreditService" was deleted' in result.stdout) == (100, True)


@pytest.mark.tools
def test_buf_generates_code_for_each_language(workspace: Path) -> None:
    template = (PROTOS / "buf.gen.yaml").read_text(encoding="utf-8")
    head, *plugins = template.split("  - remote: ")
    local = head
    for plugin in plugins:
        name, options = plugin.split("\n", 1)
        if name != "buf.build/grpc/java":
            local += f"  - {LOCAL_PLUGINS[name]}\n{options}"
    (workspace / "buf.gen.yaml").write_text(local, encoding="utf-8")
    assert_done(buf(workspace, "generate", "protos"))
    assert [path for path in MADE if not (workspace / "gen" / path).is_file()] == []
    service = (workspace / "gen/go/almeno/credit/v1/credit_service.pb.go").read_text(encoding="utf-8")
    assert "package creditv1" in service


MADE = [
    "go/almeno/credit/v1/loan.pb.go",
    "go/almeno/credit/v1/credit_service_grpc.pb.go",
    "typescript/almeno/credit/v1/credit_service_pb.ts",
    "typescript/google/type/money_pb.ts",
    "java/com/almeno/credit/v1/Loan.java",
]


@pytest.mark.tools
def test_protoc_of_debian_compiles_the_protos(tmp_path: Path) -> None:
    sources = sorted(PROTOS.rglob("*.proto"))
    command = ["protoc", f"-I{PROTOS}", f"-I{GOOGLEAPIS}", f"--descriptor_set_out={tmp_path}/image", *sources]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("proto", sorted(PROTOS.rglob("*.proto")), ids=lambda proto: proto.stem)
def test_proto_has_the_options_of_each_language(proto: Path) -> None:
    options = set(re.findall(r"^option (.*);$", proto.read_text(encoding="utf-8"), re.MULTILINE))
    assert options == {
        'csharp_namespace = "Almeno.Credit.V1"',
        'go_package = "almeno/credit/v1;creditv1"',
        "java_multiple_files = true",
        'java_package = "com.almeno.credit.v1"',
    }
