"""What README and docs/protocol.md promise is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from progress_lib import Progress, ProgressReporter, Status
from realtime.sockets.close_codes import CloseCode
from settings import Settings
from settings.reading import variables
from tests.harness import DEADLINE, ROOT, Product

README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", README, re.MULTILINE))
    assert listed == variables(Settings)


def test_who_hosts_the_product_reads_no_variable_beside_the_settings() -> None:
    for name in ("gunicorn.conf.py", "wsgi.py"):
        read = re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', (ROOT / name).read_text())
        assert set(read) <= set(variables(Settings)), name


def test_every_close_code_of_ours_is_explained() -> None:
    for code in CloseCode:
        if code >= 4000:
            assert str(int(code)) in README, code
        if code is not CloseCode.NORMAL:
            assert re.search(rf"\b{int(code)}\b", PROTOCOL), code


YIELDED = {"preview-", "kept-look"}  # names that another function gives its threads


def test_every_thread_of_ours_has_a_name_and_stands_in_the_table() -> None:
    table = (ROOT / "docs/threads.md").read_text()
    found, nameless = set(YIELDED), []
    for package in (
        "metrics",
        "program_lib",
        "progress_lib",
        "realtime",
        "web",
        "jobs",
        "hosting",
        "traces",
    ):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text()
            found |= set(re.findall(r'thread_name_prefix="([\w-]+)', source))
            for call in re.findall(
                r"threading\.(?:Thread|Timer)\(.*?\.start\(\)|threading\.Thread\(.*?daemon=True",
                source,
                re.DOTALL,
            ):
                names = re.findall(r'name(?:, \w+\.daemon)? ?= ?f?"([\w-]+)', call)
                found |= set(names)
                if not names and not re.search(r"\bname=name\b", call):
                    nameless.append(path)
    assert nameless == []
    assert {name for name in found if f"`{name}" not in table} == set()


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = re.findall(r"`((?:tests/[\w/]+|test_\w+)\.py)`", (ROOT / "SECURITY.md").read_text())
    beside = {path.name for path in (ROOT / "tests/security").rglob("test_*.py")}
    missing = [name for name in named if name not in beside and not (ROOT / name).is_file()]
    assert named
    assert not missing


def test_the_bash_publisher_of_the_readme_reaches_a_browser(product: Product) -> None:
    block = re.search(
        r"<!-- tests/test_readme.py runs this block -->\n```bash\n(.*?)```", README, re.S
    )
    assert block is not None
    with product.websocket() as socket:
        socket.send('{"action":"subscribe","jobId":42}')
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block[1]],
            env={
                "PATH": os.environ["PATH"],
                "NATS_PORT": str(product.nats_port),
                "NATS_PASSWORD": product.nats_password,
            },
            check=True,
            timeout=30,
        )
        message = json.loads(socket.recv(timeout=DEADLINE))
    assert (message["jobId"], message["payload"]["rowCount"]) == (42, 9000)


def test_the_reporter_of_the_readme_reaches_a_browser(product: Product, tmp_path: Path) -> None:
    block = re.search(
        r"<!-- tests/test_readme.py runs this block -->\n```python\n(.*?)```", README, re.S
    )
    assert block is not None
    program = tmp_path / "report.py"
    program.write_text(block[1])
    told = _publish_to(product)
    with product.websocket() as socket:
        socket.send('{"action":"subscribe","jobId":42}')
        with ProgressReporter(told["PUBLISH_TO"], "default", 42) as before:
            before.report(Progress(9, "before", Status.COMPLETED))
        socket.recv(timeout=DEADLINE)  # so the job's past is known, and each message is told
        subprocess.run(
            [sys.executable, program],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": ".", **told},
            check=True,
            timeout=30,
        )
        rows = [json.loads(socket.recv(timeout=DEADLINE))["payload"]["rowCount"] for _ in range(2)]
    assert rows == [5000, 9000]


def test_what_publishers_export_leaves_the_server_its_own_nats() -> None:
    section = README.partition("## Publish progress from any language")[2]
    assert re.findall(r"\bNATS_URL=", section) == []


def _publish_to(product: Product) -> dict[str, str]:
    """What the README's export lines set, for this product."""
    lines = re.search(r"```sh\n(export NATS_PASSWORD=.*?)```", README, re.S)
    assert lines is not None
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines[1] + 'printf %s "$PUBLISH_TO"'],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(product.data_dir),
            "NATS_PORT": str(product.nats_port),
        },
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return {"PUBLISH_TO": told.stdout}
