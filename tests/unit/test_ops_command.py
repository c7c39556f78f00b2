"""`almeno-server ops`: the files to run the server with, and that they speak of what it is."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import almeno_grpc
from almeno_grpc.commands.ops import FILES, content, main
from almeno_grpc.config import Settings, variable_of

ROOT = Path(__file__).parents[2]
DOCUMENT = Path(almeno_grpc.__file__).parent / "serving" / "README.md"


def documented_metrics() -> dict[str, str]:
    """The metrics of the server by name, each with its type; tests/e2e/test_readme.py holds a server to them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `((?:almeno|grpc)_\w+)` \| (counter|gauge|histogram)", text, re.MULTILINE))


def metrics_in(text: str) -> set[str]:
    """All that looks like a name of a metric."""
    return set(re.findall(r"\b(?:almeno|grpc_server)_[a-z0-9_]+", text))


@pytest.mark.parametrize("name", FILES)
def test_file_is_printed_as_it_lies_in_the_package(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name], {}) == 0
    assert capsys.readouterr().out == content(name) != ""


def test_unknown_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["helm"], {})
    assert ended.value.code == 2
    assert "dashboard" in capsys.readouterr().err


def test_wheel_has_all_files() -> None:
    builder = WheelBuilder(str(ROOT), config=None)
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    assert {f"almeno_grpc/ops/{file}" for file, _ in FILES.values()} <= packed


@pytest.mark.parametrize("name", ["dashboard", "alerts"])
def test_every_metric_of_dashboard_and_alerts_is_one_of_the_server(name: str) -> None:
    exported: set[str] = set()
    for metric, kind in documented_metrics().items():
        suffixes = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        exported |= {metric + suffix for suffix in suffixes}
    # Where words for people name a histogram, it is the metric as a whole.
    named = metrics_in(re.sub("(summary|description): .*", "", content(name)))
    assert len(named) > 15
    assert named <= exported


def test_dashboard_shows_every_metric_of_the_server() -> None:
    named = metrics_in(content("dashboard"))
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in named} | named
    assert set(documented_metrics()) - shown == set()


def test_panels_have_a_title_a_description_a_unit_and_a_place_of_their_own() -> None:
    dashboard = json.loads(content("dashboard"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len({panel["title"] for panel in panels}) == len(panels) > 20
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABC"[: len(panel["targets"])])
        for target in panel["targets"]:
            assert 'job="$job", instance=~"$instance"' in target["expr"]
            assert target["expr"].count("(") == target["expr"].count(")")
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        place = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & place
        taken |= place


@pytest.mark.parametrize("name", FILES)
def test_settings_that_files_name_are_settings_of_the_server(name: str) -> None:
    named = set(re.findall(r"\bALMENO_[A-Z_]+", content(name))) - {"ALMENO_NAME", "ALMENO_"}
    assert named <= {variable_of(field.name) for field in fields(Settings)}


def test_unit_tells_systemd_when_the_server_is_ready_and_leaves_wrong_settings_alone() -> None:
    unit = dict(re.findall(r"^([A-Za-z]+)=(.*)$", content("systemd"), re.MULTILINE))
    assert unit["Type"] == "notify"
    assert unit["RestartPreventExitStatus"] == "2"
    assert {unit[name] for name in ("NoNewPrivileges", "PrivateTmp", "DynamicUser", "RestrictSUIDSGID")} == {"yes"}
    # Longer than the server takes: a stop waits for the calls under way and five seconds more.
    assert int(unit["TimeoutStopSec"].removesuffix("s")) > Settings().drain_seconds + 5


def test_image_is_made_of_what_the_makefile_installs() -> None:
    recipe, makefile = content("container"), (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "sed '/^# Development/,$d' requirements.lock" in recipe
    assert "sed '/^# Development/,$$d' requirements.lock" in makefile
    assert "--require-hashes" in recipe
    assert "USER 10001" in recipe
