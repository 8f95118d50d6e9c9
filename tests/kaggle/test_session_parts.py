"""What a rehearsal is made of: the environment, the missing network, the end of a session."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from arc_submit.kaggle.rehearsal import offline
from arc_submit.kaggle.rehearsal.offline import wrap_offline
from arc_submit.kaggle.rehearsal.process_tree import descendants, kill_tree
from arc_submit.kaggle.rehearsal.stock_env import build_stock_env

CONNECT = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), 5)
print("loopback")
socket.create_connection(("203.0.113.1", 80), 5)
"""


@pytest.mark.parametrize("has_namespaces", [True, False])
def test_no_other_machine_can_be_reached_but_this_one_can(
    has_namespaces: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_namespaces:
        monkeypatch.setattr(offline, "_has_namespaces", lambda: False)
    elif not offline._has_namespaces():
        pytest.skip("this system allows no network namespace")
    environment = build_stock_env(tmp_path / "env", [])
    command = [str(environment.python), "-c", CONNECT]
    wrapped, how = wrap_offline(command, environment.site_packages)
    done = subprocess.run(wrapped, capture_output=True, text=True)
    assert done.stdout == "loopback\n", done.stderr
    assert "Network is unreachable" in done.stderr
    assert (how == "network namespace") == has_namespaces


def test_the_environment_holds_packages_of_the_image_and_what_they_need_and_no_others(
    tmp_path: Path,
) -> None:
    pydantic, core = canonicalize_name("pydantic"), canonicalize_name("pydantic-core")
    environment = build_stock_env(tmp_path / "env", [pydantic, canonicalize_name("absent")])
    assert {pydantic, core} < environment.versions.keys()
    assert environment.versions.items() <= environment.installed().items()
    code = "import pydantic, sys\ntry:\n  import arc_submit\nexcept ImportError:\n  print('none')"
    done = subprocess.run(
        [environment.python, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True
    )
    assert done.stdout == "none\n", done.stderr
    assert "numpy" not in environment.installed()


def test_a_session_ends_with_all_that_it_started() -> None:
    sleep = shutil.which("sleep")
    child = f"import subprocess; subprocess.Popen(['{sleep}', '60'], start_new_session=True).wait()"
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        "print('started', flush=True)\nchild.wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 30
    while len(descendants(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kill_tree(process.pid) == 3
    assert process.wait() == -9
    process.stdout.close()
