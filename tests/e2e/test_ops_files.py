"""The files of `almeno-server ops`, by the programs that they are for."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.servers import ROOT

from almeno_grpc.commands.ops import content
from almeno_grpc.config import Settings
from almeno_grpc.config_values import Address
from almeno_grpc.serving.metrics_endpoint import MetricsEndpoint

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


def stages_of_container() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, by name, each with what stands behind it."""
    text = re.sub(r"^#.*\n", "", content("container"), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((name, rest.strip()))
    return stages


def test_container_is_built_of_what_the_recipe_copies(tmp_path: Path) -> None:
    # Its steps without an engine, in other folders than its own; uv in the place of pip takes packages from its cache,
    # and the bytecode is left out, which takes most of a minute.
    source, installed = tmp_path / "source", tmp_path / "almeno"
    source.mkdir()
    for name, rest in stages_of_container()[0]:
        if name == "COPY":
            *copied, target = rest.split()
            assert "." not in copied
            for path in copied:
                # Of a folder its contents are copied.
                if (ROOT / path).is_dir():
                    shutil.copytree(ROOT / path, source / target)
                else:
                    shutil.copy(ROOT / path, source / target)
        if name == "RUN":
            pip = "/opt/almeno/bin/python -m pip install --no-cache-dir"
            assert rest.count(pip) == 2
            steps = rest.replace(pip, "uv pip install --python /opt/almeno/bin/python").replace(
                "compileall", "compileall -r 0"
            )
            steps = steps.replace("/opt/almeno", str(installed)).replace(
                "/service.lock", str(tmp_path / "service.lock")
            )
            run("sh", "-ec", steps, cwd=source)
    for program in ("almeno-server", "almeno"):
        assert run(str(installed / "bin" / program), "--version").split() == [program, version("almeno-grpc")]


def test_container_is_healthy_while_all_processes_serve_whatever_callers_need() -> None:
    instructions = stages_of_container()[1]
    variables = dict(pair.split("=", 1) for name, rest in instructions if name == "ENV" for pair in rest.split())
    [check] = [rest for name, rest in instructions if name == "HEALTHCHECK"]
    program, *arguments = json.loads(check.partition("CMD ")[2])
    assert program == "python"
    settings = Settings.from_environment({"ALMENO_METRICS_ADDRESS": variables["ALMENO_METRICS_ADDRESS"]})
    assert settings.metrics_address == Address("127.0.0.1", 9464)
    answers = [True, False]
    with MetricsEndpoint(Address("127.0.0.1", 0), CollectorRegistry(), lambda: answers.pop(0)) as endpoint:
        endpoint.serve()
        # A proxy for calls to the outside is none of the health check's.
        environment = {**os.environ, "ALMENO_METRICS_ADDRESS": f"0.0.0.0:{endpoint.address.port}", "http_proxy": "x"}
        command = [sys.executable, *arguments]
        codes = [subprocess.run(command, env=environment, check=False, timeout=30).returncode for _ in (True, False)]
        endpoint.shutdown()
    assert codes == [0, 1]


def test_image_has_one_name_with_the_version_of_the_release() -> None:
    image = f"almeno:{version('almeno-grpc')}"
    named = set(re.findall(r"\balmeno:[\w.]+", content("container")))
    for manifests in ("kubernetes", "kubernetes-sqlite"):
        named |= set(re.findall(r"image: (\S+)", content(manifests)))
    assert named == {image}
    # In the format of OCI the health check would be lost.
    assert "podman build --format docker " in content("container")


def test_unit_hands_certificate_and_key_to_an_account_that_owns_no_files(tmp_path: Path) -> None:
    unit = tmp_path / "almeno.service"
    text = content("systemd").replace("/opt/almeno/bin/almeno-server", "/bin/true")
    # What is left out unless the server has TLS.
    with_tls = re.sub(r"^#(?=[A-Z]\w+=)", "", text, flags=re.MULTILINE)
    assert with_tls != text
    unit.write_text(with_tls)
    assert run("systemd-analyze", "verify", str(unit)) == ""
    credentials = re.findall(r"^LoadCredential=([^:\n]+):/etc/almeno/\S+$", with_tls, re.MULTILINE)
    variables = dict(re.findall(r"^Environment=(\w+)=%d/(\S+)$", with_tls, re.MULTILINE))
    assert list(variables) == ["ALMENO_TLS_CERTIFICATE", "ALMENO_TLS_KEY"]
    assert list(variables.values()) == credentials


def test_first_key_is_made_as_the_account_of_the_unit() -> None:
    [command] = re.findall(r"systemd-run (.*?access init.*?)$", content("systemd").replace(" \\\n#", ""), re.MULTILINE)
    properties = dict(pair.split("=", 1) for pair in re.findall(r"-p (\S+)", command))
    # Without a User= the name of the account is that of the unit.
    assert properties.pop("User") == "almeno"
    assert properties.pop("WorkingDirectory") == "/var/lib/almeno"
    unit = content("systemd").splitlines()
    assert properties.keys() == {"DynamicUser", "StateDirectory", "StateDirectoryMode", "EnvironmentFile"}
    assert all(f"{name}={value}" in unit for name, value in properties.items())


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
