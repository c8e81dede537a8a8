"""The files in deploy/: their syntax, and that they start our server with options and files that exist."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edge_runtime.cli import application

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
NGINX = os.environ.get("NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SYSTEMD = shutil.which("systemd-analyze")


def options_of_serve() -> set[str]:
    result = CliRunner().invoke(application(), ["serve", "--help"], terminal_width=200)
    return set(re.findall(r"--[a-z-]+", result.output))


def started_with() -> dict[str, list[str]]:
    unit = (DEPLOY / "pocketrec.service").read_text()
    image = (DEPLOY / "Dockerfile").read_text()
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return {
        "unit": next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split(),
        "image": re.findall(r'"([^"]+)"', next(line for line in image.splitlines() if line.startswith("CMD "))),
        "compose": compose["services"]["server"]["command"],
    }


@pytest.mark.parametrize("where", ["unit", "image", "compose"])
def test_the_server_is_started_with_options_that_it_has(where: str) -> None:
    words = started_with()[where]

    assert "serve" in words
    assert {word for word in words if word.startswith("--")} <= options_of_serve()


def test_the_image_copies_what_there_is_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = [
        word
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
        for word in line.split()[1:-1]
    ]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert set(copied) == sent
    assert all((ROOT / name).exists() for name in copied)


def test_the_services_wait_for_the_database_and_no_secret_is_in_the_file() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert services["server"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert (DEPLOY / services["server"]["build"]["context"] / services["server"]["build"]["dockerfile"]).is_file()
    secrets = [
        services["database"]["environment"]["POSTGRES_PASSWORD"],
        services["server"]["environment"]["POCKETREC_PASSPHRASE"],
    ]
    assert all(re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", secret) for secret in secrets)


@pytest.mark.skipif(SYSTEMD is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "pocketrec.service").read_text()
    unit = tmp_path / "pocketrec.service"
    unit.write_text(text.replace("/opt/pocketrec/.venv/bin/pocketrec", "/bin/true"))

    done = subprocess.run([str(SYSTEMD), "verify", unit], capture_output=True, text=True)

    faults = [line for line in done.stderr.splitlines() if "pocketrec.service" in line]
    assert faults == []


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_finds_no_fault_in_its_file(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx.conf").read_text().replace("/var/cache/nginx", str(tmp_path))
    plain = text.replace("443 ssl", "8080").replace("ssl_certificate", "# ssl_certificate")
    places = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {places} access_log off;\n{plain} }}"
    (tmp_path / "main.conf").write_text(main)

    done = subprocess.run([str(NGINX), "-t", "-c", tmp_path / "main.conf"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
