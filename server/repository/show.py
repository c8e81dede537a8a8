"""What the commands ``pocketrec release`` print."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import fail, next_command, print_result
from server.errors import RepositoryError
from server.repository.create import Created
from server.repository.deployment import DEPLOY, NGINX_NAME, TIMER_NAME, cron_line
from server.repository.prune import Pruned
from server.repository.publish import Published
from server.repository.repository import METADATA
from server.repository.roles import KEYS, ROLES, role_of
from server.repository.rollout import Opened
from server.repository.rotate import Expiry, Rotated
from server.repository.status import Status, TargetState

_SHORT = 16


def show_created(created: Created, *, as_json: bool) -> None:
    """Print who holds which key, and what puts the repository into operation."""
    keys = created.keys.resolve()
    path = created.path if isinstance(created.path, str) else created.path.resolve()
    deploy = (keys if isinstance(path, str) else path) / DEPLOY
    cron = cron_line(path, keys)
    if as_json:
        files = sorted(str(file) for file in deploy.iterdir())
        print_result({"repository": path, "keys": keys, "key_ids": created.key_ids, "deploy": files, "cron": cron})
        return
    table = _table("key", "signs", "keep it")
    for name in KEYS:
        role = ROLES[role_of(name)]
        table.add_row(f"{name}.{created.key_ids[name][:_SHORT]}", role.signs, role.place)
    console = Console(soft_wrap=True)
    console.print(f"Created {path}, with its keys in {keys}:\n")
    Console().print(table)
    console.print(
        "\nMove the offline keys to their media now; a command finds them there with --keys DIR, which can be "
        "repeated. Without 2 of the 3 root keys no key can ever be replaced: keep a copy of each.\n"
    )
    console.print(f"Give it to devices:    {path}/{METADATA}/1.root.json (it says which keys to trust)")
    if isinstance(path, str):
        console.print(f"Serve it:              {shlex.join(['pocketrec', 'serve', '--store', path])}")
    else:
        console.print(f"Serve it with nginx:   {deploy / NGINX_NAME}")
    console.print(f"Renew the timestamp:   {deploy / TIMER_NAME}, or this line of a crontab:\n{cron}\n")
    console.print(next_command("release", "publish", created.path, "BUNDLES"))


def show_published(done: Sequence[Published], repo: str, *, as_json: bool) -> None:
    """Print what was released."""
    if as_json:
        print_result({"releases": done})
        return
    table = _table("target", "name", "release", "what", "changed", "deltas", "bundle")
    for one in done:
        what = one.what if one.restores is None else f"{one.what} to {one.restores}"
        deltas = ", ".join(f"{size:,}" for size in one.deltas) or "-"
        sizes = (f"{one.changed_bytes:,}", deltas, f"{one.bundle_bytes:,}")
        table.add_row(one.target, Text(one.name), str(one.release), what, *sizes)
    Console().print(table)
    Console(soft_wrap=True).print(f"On offer (sizes in bytes). {next_command('release', 'status', repo)}")


def show_opened(done: Sequence[Opened], *, as_json: bool) -> None:
    """Print how much of each rollout is open."""
    if as_json:
        print_result({"rollouts": done})
        return
    table = _table("target", "release", "held at", "schedule", "open now")
    for one in done:
        held = "halted" if one.halted else f"{one.share:.0%}"
        table.add_row(one.target, str(one.release), held, f"{one.scheduled:.0%}", f"{one.open:.0%}")
    Console().print(table)


def show_rotated(rotated: Rotated, folder: Path, *, as_json: bool) -> None:
    """Print which key counts now."""
    if as_json:
        print_result(rotated)
        return
    console = Console(soft_wrap=True)
    console.print(
        f"{rotated.key}: the key {rotated.new[:_SHORT]} counts now, in {folder}; {rotated.old[:_SHORT]} does not."
    )
    place = ROLES[role_of(rotated.key)].place
    console.print(f"Keep it {place}. Delete the old one, {rotated.key}.{rotated.old[:_SHORT]}, wherever it is.")
    if rotated.dropped:
        console.print(f"No longer on offer: {', '.join(rotated.dropped)}. Publish what should take their place.")
    if rotated.held:
        console.print(
            f"Still held back: {', '.join(rotated.held)}. "
            "If you did not do that, open it with `pocketrec release promote`."
        )
    elif rotated.documents:
        console.print(f"Signed again: {', '.join(rotated.documents)}. If the old key was stolen, use --drop.")


def show_expiries(expiries: Iterable[Expiry], *, as_json: bool) -> None:
    """Print until when each role is valid."""
    if as_json:
        print_result({"metadata": list(expiries)})
        return
    table = _table("role", "version", "valid until", "days left")
    for one in expiries:
        left = Text("EXPIRED", style="bold red") if one.expired else f"{one.days_left:.1f}"
        table.add_row(one.role, str(one.version), one.expires, left)
    Console().print(table)


def show_pruned(pruned: Pruned, *, dry_run: bool, as_json: bool) -> None:
    """Print what was deleted."""
    if as_json:
        print_result(pruned)
        return
    done = "would be deleted" if dry_run else "deleted"
    Console(soft_wrap=True).print(
        f"{pruned.files:,} {'file' if pruned.files == 1 else 'files'} with {pruned.bytes:,} bytes {done}; "
        f"{pruned.kept_bytes:,} bytes remain."
    )


def show_status(status: Status, repo: str, *, as_json: bool) -> None:
    """Print releases, rollouts, expiry dates and keys; end the process with exit code 1 if devices take no updates."""
    expired = _expired(status, repo) if status.expired or status.unfinished else None
    if as_json:
        if expired is not None:
            fail(expired, as_json=True, result=status)
        print_result(status)
        return
    console = Console(soft_wrap=True)
    if not status.releases:
        console.print("No release yet. Publish bundles with `pocketrec release publish`.\n")
    else:
        _show_releases(status.releases, console)
    show_expiries(status.metadata, as_json=False)
    names = "\n".join(f"  {name}.{keyid[:_SHORT]}" for name, keyid in status.keys.items())
    console.print(f"\nKeys:\n{names}")
    if expired is not None:
        fail(expired, as_json=False)


def _expired(status: Status, repo: str) -> RepositoryError:
    roles = status.unfinished or status.expired
    command = shlex.join(["pocketrec", "release", "expire", str(repo), *roles])
    if status.unfinished:
        return RepositoryError(
            f"UNFINISHED: the rotation of the key of {', '.join(roles)} was interrupted. Devices go on with what they "
            f"have and take no updates until the new key has signed: {command}"
        )
    return RepositoryError(
        f"EXPIRED: {', '.join(roles)}. Devices go on with what they have and take no updates until this is renewed, "
        f"with the keys of these roles: {command}"
    )


def _show_releases(releases: Sequence[TargetState], console: Console) -> None:
    table = _table("target", "name", "release", "components", "bytes", "update", "open to")
    for one in releases:
        parts = ", ".join(_component(part.component, part.release, part.in_effect) for part in one.components)
        updates = ", ".join(f"{update.bytes:,} from {update.release}" for update in one.updates)
        sizes = (parts or "-", f"{one.bytes:,}", updates or "-")
        table.add_row(one.target, Text(one.name), _release(one), *sizes, _open(one))
    Console().print(table)
    console.print()
    staged = [one for one in releases if one.start is not None]
    for one in staged:
        rings = ", ".join(f"{ring:.0%}" for ring in one.rings)
        console.print(f"Rings of {one.target}: {rings}; {one.hours:g} hours each, since {one.start}")
    if staged:
        console.print()


def _component(name: str, release: int, in_effect: bool) -> str:
    return f"{name} {release}" if in_effect else f"{name} {release} (skipped: another base)"


def _release(one: TargetState) -> str:
    restored = one.history[-1].restores if one.history else None
    return str(one.release) if restored is None else f"{one.release} (rollback to {restored})"


def _open(one: TargetState) -> str:
    if one.halted:
        return "halted"
    return f"{one.open:.0%}" + ("" if one.held is None else f" (held at {one.held:.0%})")


def _table(first: str, *others: str) -> Table:
    """Return a table that cuts nothing off: the first column stays on one line, long words of others are folded."""
    columns = (Column(first, no_wrap=True, overflow="fold"), *(Column(name, overflow="fold") for name in others))
    return Table(*columns, box=None, header_style="bold", pad_edge=False)
