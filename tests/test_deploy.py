"""What docs/deploy gives operators to copy works. Its nginx.conf is what tests/servers/proxies.py starts."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy.engine import make_url

from hosting.embedded import lifeline
from hosting.start.server import LISTEN_DEADLINE, STOP_DEADLINE
from jobs.run.runner import STOP_MARGIN
from realtime.hub.hub import STOP_WAIT
from realtime.service import GOODBYE_WAIT
from settings import Settings
from settings.reading import variables
from tests.harness import DEADLINE, ROOT

DEPLOY = ROOT / "docs/deploy"
COMPOSE = DEPLOY / "compose.yaml"
UNITS = sorted(DEPLOY.glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_is_there(unit: Path) -> None:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(unit)
    python, option, module, *arguments = read["Service"]["ExecStart"].split()
    assert (python, option) == ("/opt/progress/.venv/bin/python", "-m")
    assert importlib.util.find_spec(module), module
    for name in arguments:
        if name.endswith(".py"):
            assert (ROOT / name).exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_makes_the_directory_that_it_writes_to(unit: Path) -> None:
    """One that was missing failed the unit with 226/NAMESPACE, and the default, beside the code, cannot be written."""
    read = configparser.ConfigParser(interpolation=None)
    read.read(unit)
    service = read["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectoryMode"] == "0700"
    name, _, place = service["Environment"].partition("=")
    assert (name, place) == ("DATA_DIR", f"/var/lib/{service['StateDirectory']}")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_never_gives_a_unit_up(unit: Path) -> None:
    """By default five starts in ten seconds are the last ones, and a start without its database takes one."""
    read = configparser.ConfigParser(interpolation=None)
    read.read(unit)
    assert read["Service"]["Restart"] == "always"
    assert read["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("NO UNIT WAS CHECKED BY SYSTEMD: there is no systemd-analyze")
    text = unit.read_text().replace("/opt/progress/.venv/bin/python", sys.executable)
    (tmp_path / unit.name).write_text(text)
    command = [analyze, "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == []


def test_a_start_that_changes_the_tables_for_minutes_is_not_ended() -> None:
    """By default systemd ends it after 90 s, and a probe for life did after 60: each start began anew, and none came to its end."""
    unit = (DEPLOY / "progress-web.service").read_text()
    [waits] = re.findall(r"^TimeoutStartSec=(\d+)$", unit, re.MULTILINE)
    assert int(waits) >= LISTEN_DEADLINE
    web = next(d for d in kubernetes("Deployment") if d["metadata"]["name"] == "progress-web")
    probe = web["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["httpGet"]["path"] == "/healthz"
    assert probe["periodSeconds"] * probe["failureThreshold"] >= LISTEN_DEADLINE
    [period] = re.findall(r"--start-period=(\d+)s", (DEPLOY / "Dockerfile").read_text())
    assert int(period) >= LISTEN_DEADLINE


def seconds(text: str | int) -> float:
    return float(str(text).removesuffix("s"))


def stop_waits() -> list[tuple[str, str, float]]:
    """(where, what, seconds until SIGKILL) of all that is given to operators."""
    found = []
    for unit in UNITS:
        wait = re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
        found.append(("systemd", unit.name, seconds(wait[0])))
    for name in ("web-1", "web-2", "runner"):
        found.append(("compose", name, seconds(composed()["services"][name]["stop_grace_period"])))
    for deployment in kubernetes("Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        before = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {})
        slept = float(before["command"][1]) if before else 0.0
        wait = spec["terminationGracePeriodSeconds"] - slept
        found.append(("kubernetes", deployment["metadata"]["name"], wait))
    return found


def web_stop() -> float:
    """Seconds that the workers of a web server take to stop, at most."""
    configured = (ROOT / "gunicorn.conf.py").read_text()
    [graceful] = re.findall(r"^graceful_timeout = (\d+)", configured, re.MULTILINE)
    return float(graceful) + GOODBYE_WAIT + STOP_WAIT


def test_nobody_is_killed_before_it_had_time_to_stop() -> None:
    """A web server sends its browsers away, and a runner ends its programs and writes their ends."""
    needs = {
        "web": web_stop(),
        "runner": Settings.from_env({}).deadlines.cancel + STOP_MARGIN,
    }
    waits = stop_waits()
    assert len(waits) == 7
    for where, name, wait in waits:
        needed = needs["runner" if "runner" in name else "web"]
        assert wait > needed, f"{where}, {name}: {wait:g} s, and it needs {needed:g}"


def test_a_server_with_its_own_runner_is_not_killed_while_it_waits_for_that() -> None:
    """The runner is stopped last; by itself Docker kills both after 10 s, and runs are lost."""
    [told] = re.findall(r"docker run --stop-timeout (\d+)", (DEPLOY / "Dockerfile").read_text())
    cancel = Settings.from_env({}).deadlines.cancel
    needed = web_stop() + cancel + lifeline.STOP_WAIT
    assert int(told) > needed
    assert cancel + STOP_DEADLINE > needed


def test_a_pod_that_ends_gets_no_more_connections_before_it_refuses_them() -> None:
    web = next(d for d in kubernetes("Deployment") if d["metadata"]["name"] == "progress-web")
    [container] = web["spec"]["template"]["spec"]["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", (
        "away from the database it lives"
    )


def composed() -> dict[str, Any]:
    """compose.yaml, with each ${NAME} that its .env gives replaced."""
    text = re.sub(r"\$\{(\w+)\}", r"0123456789abcdef0123456789abcdef\1", COMPOSE.read_text())
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def kubernetes(kind: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return [document for document in documents if document["kind"] == kind]


def check_settings(environment: dict[str, str]) -> None:
    """Each is a setting that there is, and together they can work."""
    assert set(environment) <= set(variables(Settings)), set(environment) - set(variables(Settings))
    assert all(isinstance(value, str) for value in environment.values()), environment
    Settings.from_env(environment)


def check_command(command: list[str]) -> None:
    python, option, module = command
    assert (python, option) == ("/opt/progress/.venv/bin/python", "-m")
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize("name", ["web-1", "web-2", "runner"])
def test_a_service_of_compose_has_settings_that_work(name: str) -> None:
    service = composed()["services"][name]
    check_settings(service["environment"])
    assert (COMPOSE.parent / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).exists()
    if name == "runner":
        check_command(service["command"])


def test_the_services_of_compose_name_each_other_truly() -> None:
    found = composed()
    services = found["services"]
    settings = Settings.from_env(services["web-1"]["environment"])
    hosts = {
        urlsplit(settings.nats.url or "").hostname,
        make_url(settings.database_url).host,
        *("web-1", "web-2"),
    }
    assert hosts <= set(services)
    password = urlsplit(settings.nats.url or "").password
    assert password == services["nats"]["command"][-1]
    assert (
        make_url(settings.database_url).password
        == services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    )
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in found["volumes"]
    [network] = found["networks"]["default"]["ipam"]["config"]
    assert network["subnet"] in services["web-1"]["environment"]["FORWARDED_ALLOW_IPS"]


@pytest.mark.parametrize(
    "deployment", kubernetes("Deployment"), ids=lambda d: d["metadata"]["name"]
)
def test_a_deployment_of_kubernetes_has_settings_that_work(deployment: dict[str, Any]) -> None:
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    secret = {
        "NATS_URL": "nats://progress:secret@nats:4222",
        "DATABASE_URL": "postgresql://progress:secret@postgres/progress",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    }
    check_settings({**secret, **{each["name"]: each["value"] for each in container["env"]}})
    if "command" in container:
        check_command(container["command"])
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in spec["volumes"]}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            ask = container[probe]["httpGet"]
            assert f'@app.get("{ask["path"]}")' in (ROOT / "app.py").read_text()
            assert ask["port"] in ports


def test_the_parts_of_kubernetes_name_each_other_truly() -> None:
    [service], [budget] = map(kubernetes, ("Service", "PodDisruptionBudget"))
    web = next(d for d in kubernetes("Deployment") if d["metadata"]["name"] == "progress-web")
    labels = web["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels
    [container] = web["spec"]["template"]["spec"]["containers"]
    [port] = service["spec"]["ports"]
    assert port["targetPort"] in {each["name"] for each in container["ports"]}
    for ingress in kubernetes("Ingress"):
        [rule] = ingress["spec"]["rules"]
        [path] = rule["http"]["paths"]
        backend = path["backend"]["service"]
        led_to = (backend["name"], backend["port"]["name"])
        assert led_to == (service["metadata"]["name"], port["name"])
    claims = {claim["metadata"]["name"] for claim in kubernetes("PersistentVolumeClaim")}
    for deployment in kubernetes("Deployment"):
        for volume in deployment["spec"]["template"]["spec"]["volumes"]:
            assert "persistentVolumeClaim" not in volume or (
                volume["persistentVolumeClaim"]["claimName"] in claims
            )


def test_the_image_copies_what_it_runs() -> None:
    lines = (DEPLOY / "Dockerfile").read_text()
    for name in ("requirements.lock", "gunicorn.conf.py"):
        assert name in lines
        assert (ROOT / name).exists()
    assert "--require-hashes" in lines


def test_nothing_of_this_machine_gets_into_the_image() -> None:
    """`COPY . .` took var/ with its secrets, and put a venv of this machine over the image's own."""
    kept_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert ".git" in kept_out
    for line in (ROOT / ".gitignore").read_text().splitlines():
        is_of_root = line.startswith("/")
        assert (line.strip("/") if is_of_root else f"**/{line.rstrip('/')}") in kept_out
    beside = (COMPOSE.parent / ".env", COMPOSE.parent / "tls")
    assert {str(path.relative_to(ROOT)) for path in beside} <= set(kept_out)


def test_the_image_is_asked_how_it_is_past_any_proxy_and_at_its_own_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Docker gives containers the proxies of its client: each was unhealthy, and so was one with another API_PORT."""
    [told] = re.findall(r"^HEALTHCHECK .*?CMD (.+)$", (DEPLOY / "Dockerfile").read_text(), re.M)
    _python, _option, code = json.loads(told)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                assert client.recv(4_096).startswith(b"GET /healthz HTTP/1.1")
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        answering = threading.Thread(target=serve, name="a web server", daemon=True)
        answering.start()
        monkeypatch.setenv("API_PORT", str(server.getsockname()[1]))
        exec(code, {})
        answering.join(DEADLINE)
        assert not answering.is_alive()


def test_the_image_may_write_in_the_volumes_of_compose() -> None:
    """A new volume is root's where the image has no such directory."""
    [own] = re.findall(r"chown progress (.+)", (DEPLOY / "Dockerfile").read_text())
    services = composed()["services"].values()
    mounted = [volume for each in services if "build" in each for volume in each["volumes"]]
    assert {volume.split(":")[1] for volume in mounted} <= set(own.split())


def proxies() -> dict[str, tuple[str, str, str]]:
    """Of each proxy in front: its read time-out, its buffering, and the largest body that it lets through."""
    site = (DEPLOY / "nginx.conf").read_text()
    names = ("proxy_read_timeout", "proxy_buffering", "client_max_body_size")
    of_nginx = [re.findall(rf"^ +{name} (\w+);", site, re.MULTILINE)[0] for name in names]
    notes = ingress_of("/")
    names = ("proxy-read-timeout", "proxy-buffering", "proxy-body-size")
    of_ingress = [notes[f"nginx.ingress.kubernetes.io/{name}"] for name in names]
    return {"nginx": tuple(of_nginx), "ingress": tuple(of_ingress)}


def ingress_of(path: str) -> dict[str, str]:
    """The notes of the ingress for what begins with that path."""
    [ingress] = [
        each
        for each in kubernetes("Ingress")
        if each["spec"]["rules"][0]["http"]["paths"][0]["path"] == path
    ]
    return dict(ingress["metadata"]["annotations"])


def largest_files() -> dict[str, tuple[str, str]]:
    """Of each proxy in front: the largest file that it lets through, and whether it keeps a file until it is complete."""
    found = {}
    for name in ("nginx", "nginx-sign-in"):
        place = (DEPLOY / f"{name}.conf").read_text().partition("api/files/ {")[2]
        options = ("client_max_body_size", "proxy_request_buffering")
        found[name] = tuple(
            re.findall(rf"^ +{option} (\w+);", place, re.M)[0] for option in options
        )
    notes = ingress_of("/api/files")
    options = ("proxy-body-size", "proxy-request-buffering")
    found["ingress"] = tuple(notes[f"nginx.ingress.kubernetes.io/{option}"] for option in options)
    return found


@pytest.mark.parametrize("name", ["nginx", "nginx-sign-in", "ingress"])
def test_a_proxy_in_front_lets_files_through(name: str) -> None:
    largest, buffering = largest_files()[name]
    assert int(largest.removesuffix("m")) > Settings.from_env({}).uploads.upload_mb
    assert buffering == "off"


@pytest.mark.parametrize("name", ["nginx", "ingress"])
def test_a_proxy_in_front_neither_cuts_nor_holds_back(name: str) -> None:
    """A browser that hears nothing is pinged before its connection counts as dead, and events come as they are said."""
    settings = Settings.from_env({})
    timeout, buffering, largest = proxies()[name]
    assert seconds(timeout) > 2 * settings.clients.ping_period
    assert buffering == "off"
    assert int(largest.removesuffix("m")) << 20 > settings.requests.body_bytes


def test_nginx_closes_idle_connections_before_the_web_server_does() -> None:
    """A POST on a connection that the other side just closes is not sent again: 502."""
    [seconds] = re.findall(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())
    [ours] = re.findall(r"^keepalive = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.M)
    assert int(seconds) < int(ours)
