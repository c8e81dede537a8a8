"""The files that put a repository into operation: nginx's, and the timer that renews the timestamp."""

import shlex
import shutil
from pathlib import Path
from typing import Final

from edge_runtime import child
from server.objects import Place
from server.repository.passphrase import PASSPHRASE

DEPLOY: Final = "deploy"
NGINX_NAME: Final = "nginx.conf"
SERVICE_NAME: Final = "pocketrec-timestamp.service"
TIMER_NAME: Final = "pocketrec-timestamp.timer"
SECRET_FILE: Final = "/etc/pocketrec/passphrase.env"  # noqa: S105 - the name of a file

_NGINX: Final = """\
# Serves the signed releases of {path}. Put it into /etc/nginx/conf.d/, and set the name and the certificate.
server {{
    listen 443 ssl;
    server_name models.example.org;
    ssl_certificate     /etc/ssl/models.pem;
    ssl_certificate_key /etc/ssl/models.key;
    # No device is written down. Files are compressed already, or do not compress.
    access_log off;
    gzip off;
    autoindex off;
    # The timestamp alone changes under its name.
    location = /v1/metadata/timestamp.json {{
        alias "{path}/metadata/timestamp.json";
        default_type application/json;
        add_header Cache-Control "public, max-age=60";
{headers}
    }}
    # Everything else is named by its version or its digest. Only what is there may be stored for long: the next root
    # is asked for before it exists.
    location /v1/metadata/ {{
        alias "{path}/metadata/";
        default_type application/json;
        add_header Cache-Control "public, max-age=31536000, immutable";
{headers}
    }}
    location /v1/targets/ {{
        alias "{path}/targets/";
        default_type application/json;
        add_header Cache-Control "public, max-age=31536000, immutable";
{headers}
    }}
    location /v1/files/ {{
        alias "{path}/files/";
        default_type application/octet-stream;
        add_header Cache-Control "public, max-age=31536000, immutable";
{headers}
    }}
    location / {{
        return 404;
    }}
}}
"""

# A location that adds one header adds all of its own. A page elsewhere must see that the next root is not there yet, so
# these are on "not found", too; that something may be stored for ever is not.
_HEADERS: Final = """\
        add_header Access-Control-Allow-Origin * always;
        add_header X-Content-Type-Options nosniff always;"""

_SERVICE: Final = """\
[Unit]
Description=Renew the timestamp of the releases in {path}

[Service]
Type=oneshot
User={user}
EnvironmentFile={secret}
ExecStart={command}
"""

_TIMER: Final = """\
[Unit]
Description=Renew the timestamp of the releases in {path} every six hours

[Timer]
OnCalendar=*-*-* 00/6:17:00
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
"""


def renewal_command(path: Place, keys: Path) -> str:
    """Return the command that renews the timestamp; a timer has no search path that finds ``pocketrec``."""
    return shlex.join([*_pocketrec(), "release", "expire", str(path), "timestamp", "--keys", str(keys)])


def cron_line(path: Place, keys: Path) -> str:
    """Return the line of a crontab that renews the timestamp every six hours."""
    command = renewal_command(path, keys).replace("%", r"\%")
    if isinstance(path, str):  # credentials of the storage are in that file, too
        return f"17 */6 * * *  set -a; . {SECRET_FILE}; {command}"
    return f"17 */6 * * *  . {SECRET_FILE}; export {PASSPHRASE}; {command}"


def write_deployment(folder: Path, path: Place, keys: Path) -> None:
    """Write the files of a repository at ``path`` into ``folder``; nginx serves none in object storage."""
    deploy = folder / DEPLOY
    deploy.mkdir()
    texts = {
        SERVICE_NAME: _SERVICE.format(
            path=_unit(str(path)), secret=SECRET_FILE, user=_owner(folder), command=_unit(renewal_command(path, keys))
        ),
        TIMER_NAME: _TIMER.format(path=_unit(str(path))),
    }
    if not isinstance(path, str):
        texts[NGINX_NAME] = _NGINX.format(path=_quoted(path), headers=_HEADERS)
    for name, text in texts.items():
        (deploy / name).write_text(text)


def _pocketrec() -> list[str]:
    """Return the command of this installation, by its absolute path."""
    of_module = child.command("edge_runtime")
    beside = Path(of_module[0]).with_name("pocketrec")
    found = str(beside) if beside.is_file() else shutil.which("pocketrec")
    return of_module if found is None else [str(Path(found).absolute())]


def _owner(folder: Path) -> str:
    """Return the name of the owner of a folder, or the number of one that has no name, as in containers."""
    try:
        return folder.owner()
    except KeyError:
        return str(folder.stat().st_uid)


def _quoted(path: Path) -> str:
    """Return a path inside quotation marks of nginx's."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _unit(text: str) -> str:
    """Return a text in which systemd finds no specifiers."""
    return text.replace("%", "%%").replace("$", "$$")
