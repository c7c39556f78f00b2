"""The files of `almeno-server ops`, by the programs that they are for."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from almeno_grpc.commands.ops import content
from almeno_grpc.config import Settings

pytestmark = pytest.mark.tools
RULE_TESTS = Path(__file__).with_name("alert_rules.yaml")


def run(*command: str, **options: Any) -> str:
    assert shutil.which(command[0]), f"{command[0]} is not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    text, decoder, found = run("yq", "-o=json", "-I=0", ".", input=content(name)).strip(), json.JSONDecoder(), []
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


def test_alerts_fire_where_they_are_due_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(content("alerts"))
    shutil.copy(RULE_TESTS, tmp_path)
    run("promtool", "check", "rules", "alerts.yaml", cwd=tmp_path)
    run("promtool", "test", "rules", RULE_TESTS.name, cwd=tmp_path)


def test_every_alert_is_tested_to_fire_and_to_be_quiet_and_says_what_to_do() -> None:
    [rules] = [group["rules"] for document in documents("alerts") for group in document["groups"]]
    tested = RULE_TESTS.read_text()
    for rule in rules:
        assert len(re.findall(rf"\b{rule['alert']}\b", tested)) >= 2, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} == rule["annotations"].keys()


def test_queries_of_the_dashboard_are_sound(tmp_path: Path) -> None:
    # A query for each panel: promtool parses what Grafana sends, with its variables filled in.
    panels = [panel for panel in json.loads(content("dashboard"))["panels"] if panel["type"] != "row"]
    rules = []
    for panel in panels:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "6h")
            name = f"panel:{panel['id']}:{target['refId']}"
            rules.append({"record": name, "expr": expression.replace("$job", "almeno").replace("$instance", ".*")})
    (tmp_path / "panels.yaml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", "panels.yaml", cwd=tmp_path)


def test_unit_is_sound(tmp_path: Path) -> None:
    unit = tmp_path / "almeno.service"
    # The program is looked for where the unit says.
    unit.write_text(content("systemd").replace("/opt/almeno/bin/almeno-server", "/bin/true"))
    assert run("systemd-analyze", "verify", str(unit)) == ""


@pytest.mark.parametrize(("name", "kind"), [("kubernetes", "Deployment"), ("kubernetes-sqlite", "StatefulSet")])
def test_manifests_run_the_server_as_it_wants_to_be_run(name: str, kind: str) -> None:
    by_kind = {document["kind"]: document for document in documents(name)}
    assert all(document["metadata"]["name"] == "almeno" for document in by_kind.values())
    labels = {"app.kubernetes.io/name": "almeno"}
    template = by_kind[kind]["spec"]["template"]
    assert by_kind[kind]["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"] == labels
    assert by_kind["Service"]["spec"]["selector"] == labels
    pod = template["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = by_kind["ConfigMap"]["data"]
    assert settings["ALMENO_ADDRESS"].endswith(f":{ports['grpc']}")
    assert settings["ALMENO_METRICS_ADDRESS"].endswith(f":{ports['metrics']}")
    assert settings["ALMENO_ACCESS"] == "keys"
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {probe["port"] for probe in probes.values()} == {"metrics"}
    assert probes["readiness"]["path"] == "/readyz"
    assert pod["terminationGracePeriodSeconds"] > Settings().drain_seconds + 5 + 5
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in by_kind[kind]["spec"].get("volumeClaimTemplates", [])}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert settings["ALMENO_TLS_KEY"].startswith(mounts["tls"])
    if name == "kubernetes":
        [database] = container["env"]
        assert database["name"] == "ALMENO_DATABASE_URL"
        assert database["valueFrom"]["secretKeyRef"]["name"] == "almeno-database"
    else:
        assert by_kind[kind]["spec"]["replicas"] == 1
        assert settings["ALMENO_DATABASE_URL"] == f"sqlite:///{mounts['book']}/almeno.db"
