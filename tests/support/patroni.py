"""A cluster of PostgreSQL under Patroni: three nodes, one etcd, and haproxy before them; of Debian's packages."""

import contextlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.postgres import USER, PostgresServer, folder_in_memory, free_port, programs, server_account
from support.servers import eventually, kill

TTL_SECONDS = 10
"""How long a primary stays the leader whose agent gives no sign of life."""
PATIENCE_SECONDS = 60
_DYNAMIC = {
    "ttl": TTL_SECONDS,
    "loop_wait": 1,
    "retry_timeout": 3,
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True, "parameters": {"fsync": "off", "max_connections": 200}},
}
_HAPROXY = """
defaults
    mode tcp
    timeout connect 4s
    timeout client 30m
    timeout server 30m
    timeout check 5s
listen primary
    bind 127.0.0.1:{port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"""


def run_until_we_end(*command: str, log: Path) -> subprocess.Popen[bytes]:
    """Starts a program as the account of the database servers; it ends with this process, however that ends."""
    account = server_account()
    options = ["--pdeathsig", "KILL"]
    if account is not None:
        options += ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", *options, *command], cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program as a crash would."""
    process.kill()
    process.wait()


@dataclass
class Node:
    """A database and the agent of Patroni beside it."""

    name: str
    database: PostgresServer
    settings: Path
    rest_port: int = field(default_factory=free_port)
    agent: subprocess.Popen[bytes] | None = None

    def start_agent(self) -> None:
        self.agent = run_until_we_end("patroni", str(self.settings), log=self.database.folder / "agent.log")

    def kill_agent(self) -> None:
        assert self.agent is not None
        end(self.agent)
        self.agent = None

    def kill_postmaster(self) -> None:
        """Of the processes of the database the first alone; the others notice."""
        kill(self.database.process_id())

    def kill(self) -> None:
        """As a machine that loses its power; the agent first, which would start the database again."""
        self.kill_agent()
        self.database.kill(self.database.process_id())

    def runs(self) -> bool:
        """Whether the database does; fails where the agent has ended."""
        assert self.agent is not None
        assert self.agent.poll() is None, (self.database.folder / "agent.log").read_text()
        return self.status("patroni").get("state") == "running"

    def is_primary(self) -> bool:
        """As Patroni says."""
        return bool(self.status("primary"))

    def status(self, path: str) -> dict[str, Any]:
        """What the agent tells under a path; nothing where it does not answer, or says no."""
        url = f"http://127.0.0.1:{self.rest_port}/{path}"
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=3) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
        return {}


class Cluster:
    """The nodes, and what stands before them."""

    def __init__(self, nodes: list[Node], proxy_port: int) -> None:
        self.nodes = nodes
        self.proxy_url = f"postgresql://{USER}@127.0.0.1:{proxy_port}/postgres"

    def hosts_url(self, first: Node) -> str:
        """The URL that names all nodes, one of them first."""
        ordered = [first, *(node for node in self.nodes if node is not first)]
        hosts = "&".join(f"host=127.0.0.1:{node.database.port}" for node in ordered)
        return f"postgresql://{USER}@/postgres?{hosts}&target_session_attrs=read-write"

    def primary(self) -> Node | None:
        """The node that is the leader."""
        return next((node for node in self.nodes if node.is_primary()), None)

    def synchronous_standby(self) -> Node | None:
        """The node that commits wait for, and that alone takes over; nobody does while it is being chosen."""
        return next((node for node in self.nodes if self._roles().get(node.name) == "sync_standby"), None)

    def is_whole(self) -> bool:
        """Whether there are a primary and two standbys that stream, one of them synchronous."""
        primary = self.primary()
        if primary is None:
            return False
        replication = primary.status("patroni").get("replication", [])
        are_streaming = [each["state"] for each in replication] == ["streaming"] * (len(self.nodes) - 1)
        return are_streaming and self.synchronous_standby() is not None

    def _roles(self) -> dict[str, str]:
        primary = self.primary()
        members = primary.status("cluster").get("members", []) if primary else []
        return {member["name"]: member["role"] for member in members}

    def wait_until_whole(self) -> None:
        eventually(self.is_whole, PATIENCE_SECONDS, 0.2)

    def switch_over(self) -> None:
        """Has the synchronous standby take over, as an operator does."""
        primary, standby = self.primary(), self.synchronous_standby()
        assert primary is not None
        assert standby is not None
        subprocess.run(
            ["patronictl", "-c", str(primary.settings), "switchover", "almeno", "--candidate", standby.name, "--force"],
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Starts a cluster, the first node its primary."""
    with folder_in_memory() as folder, contextlib.ExitStack() as stack:
        account = server_account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        etcd_port, proxy_port = free_port(), free_port()
        stack.callback(end, _start_etcd(folder, etcd_port))
        nodes = []
        for name in ("one", "two", "three"):
            node = Node(name, PostgresServer(folder / name), folder / f"{name}.json")
            node.settings.write_text(json.dumps(_settings(node, etcd_port)))
            nodes.append(node)
        cluster = Cluster(nodes, proxy_port)
        settings = folder / "haproxy.cfg"
        settings.write_text(_HAPROXY.format(port=proxy_port) + "".join(map(_proxied, nodes)))
        for node in nodes:
            stack.callback(node.database.stop)
            stack.callback(_end_agent, node)
            node.start_agent()
            eventually(node.runs, PATIENCE_SECONDS, 0.2)
            node.database.watch()
        stack.callback(end, run_until_we_end("haproxy", "-db", "-f", str(settings), log=folder / "haproxy.log"))
        cluster.wait_until_whole()
        yield cluster


def _end_agent(node: Node) -> None:
    if node.agent is not None:
        node.kill_agent()


def _start_etcd(folder: Path, port: int) -> subprocess.Popen[bytes]:
    url, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    options = {
        "data-dir": folder / "etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
    }
    etcd = run_until_we_end("etcd", *(f"--{name}={value}" for name, value in options.items()), log=folder / "etcd.log")
    eventually(lambda: _is_healthy(port))
    return etcd


def _is_healthy(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=3):
        return True
    return False


def _settings(node: Node, etcd_port: int) -> dict[str, Any]:
    here = f"127.0.0.1:{node.database.port}"
    return {
        "scope": "almeno",
        "name": node.name,
        "restapi": {"listen": f"127.0.0.1:{node.rest_port}", "connect_address": f"127.0.0.1:{node.rest_port}"},
        "etcd3": {"host": f"127.0.0.1:{etcd_port}"},
        "watchdog": {"mode": "off"},
        "bootstrap": {"dcs": _DYNAMIC, "initdb": ["no-sync", {"encoding": "UTF8"}, {"locale": "C"}]},
        "postgresql": {
            "listen": here,
            "connect_address": here,
            "data_dir": str(node.database.data),
            "bin_dir": str(programs()),
            "pgpass": str(node.database.folder / "pgpass"),
            "authentication": {"superuser": {"username": USER}, "replication": {"username": USER}},
            "parameters": {"unix_socket_directories": str(node.database.folder)},
            "pg_hba": [f"host {database} all 127.0.0.1/32 trust" for database in ("all", "replication")],
        },
    }


def _proxied(node: Node) -> str:
    return f"    server {node.name} 127.0.0.1:{node.database.port} maxconn 200 check port {node.rest_port}\n"
