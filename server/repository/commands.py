"""The commands ``pocketrec release``: they keep a repository of signed releases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server.objects import Place, place_of
from server.repository.roles import KEYS

if TYPE_CHECKING:
    from server.repository.keys import KeyRing
    from server.repository.publish import Rollout

release = typer.Typer(
    help="""Keep signed releases, which any web server can serve.

    Start with: pocketrec release init releases

    New items get codes and transitions without a training by `pocketrec add-items`; publish the bundles that it writes.
    """
)


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="REPO") from error


Repo = Annotated[
    str,
    typer.Argument(
        metavar="REPO",
        help="Folder of the repository, or its URL in object storage, such as s3://BUCKET/PREFIX.",
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--keys",
        metavar="DIR",
        help="Folder with key files; repeat it for several media. By default REPO-keys, beside the repository, or "
        "here if that is in object storage.",
    ),
]
Target = Annotated[str | None, typer.Option(metavar="TARGET", help="Only this target. By default all of them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Wave = Annotated[
    float | None,
    typer.Option(
        metavar="HOURS",
        help="Roll out in rings, each HOURS after the one before. By default all devices get it at once.",
        min=0.01,
        max=8760,
    ),
]
Rings = Annotated[str, typer.Option(metavar="LIST", help="With --wave: shares of the devices, ascending, up to 1.")]
MaxRefused = Annotated[
    float, typer.Option(metavar="X", help="With --wave: share of refusals that halts it.", min=0, max=1)
]
_RINGS: Final = "0.01,0.1,0.5,1"


@release.command("init")
def init(
    repo: Annotated[
        str,
        typer.Argument(
            metavar="REPO",
            help="Folder to create, or URL in object storage, such as s3://BUCKET/PREFIX.",
        ),
    ],
    keys: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for the key files. By default REPO-keys, beside the repository."),
    ] = None,
    signer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=URI",
            help="A key that is elsewhere: its URI of securesystemslib, as in --signer targets=hv:NAME. Repeatable.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a repository and its keys, and print who should hold which key.

    Keys are files, encrypted with a passphrase that is asked for, or taken from POCKETREC_PASSPHRASE. Nothing is
    overwritten.

    Example: pocketrec release init releases
    """
    import sys

    from server.repository.create import create
    from server.repository.keys import default_folder
    from server.repository.show import show_created

    place = _place(repo)
    folder = keys or default_folder(place)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Create a repository in {repo}, and {len(KEYS)} keys in {folder}?", abort=True, err=True)
    show_created(create(place, folder, _signers(signer or [])), as_json=as_json)


@release.command("publish")
def publish(
    repo: Repo,
    bundles: Annotated[
        Path, typer.Argument(metavar="BUNDLES", help="Folder of bundle folders, as `pocketrec export --out` writes it.")
    ],
    component: Annotated[
        str | None,
        typer.Option(
            metavar="codebook|transitions|prompts|adapter",
            help="Release only what this component owns, with its key. By default the whole bundles.",
        ),
    ] = None,
    wave: Wave = None,
    rings: Rings = _RINGS,
    max_refused: MaxRefused = 0.02,
    allow_moved_rows: Annotated[
        bool, typer.Option("--allow-moved-rows", help="Publish items that moved to other rows; devices fetch it all.")
    ] = False,
    oms_key: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM",
            help="Sign the bundles for other tools, too: an OpenSSF model signature with this P-256 key.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Release bundles: verify every file, compute deltas, sign, and offer all targets in one step.

    Example: pocketrec release publish releases bundles --wave 24
    """
    from edge_runtime.terminal.console import Console
    from server.repository import publish as publishing
    from server.repository.show import show_published

    with Console(stderr=True).status("Verifying, and computing deltas …"):
        done = publishing.publish(
            _place(repo),
            bundles,
            _ring(repo, keys),
            component=_component(component),
            rollout=_rollout(wave, rings, max_refused),
            allow_moved_rows=allow_moved_rows,
            oms_key=oms_key,
        )
    show_published(done, repo, as_json=as_json)


@release.command("promote")
def promote(
    repo: Repo,
    target: Target = None,
    share: Annotated[
        float | None, typer.Option(metavar="X", help="Hold the rollout at this share of the devices.", min=0, max=1)
    ] = None,
    halt: Annotated[bool, typer.Option("--halt", help="Let no further device take the release.")] = False,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Open the next ring of a rollout that is held back, hold it back, or halt it.

    A rollout follows the schedule of `publish --wave` by itself; this can only hold it back.

    A halt keeps devices that have a release from taking this one. A device without any release still gets it: follow
    with `pocketrec release rollback`, so that new devices get the files of the release before.

    Example: pocketrec release promote releases --halt
    """
    from server.repository import rollout
    from server.repository.show import show_opened

    if halt and share is not None:
        raise typer.BadParameter("give one of --share and --halt, not both", param_hint="--halt")
    show_opened(
        rollout.promote(_place(repo), _ring(repo, keys), target=target, share=share, halt=halt), as_json=as_json
    )


@release.command("rollback")
def rollback(
    repo: Repo,
    target: Target = None,
    to: Annotated[
        int | None,
        typer.Option(metavar="RELEASE", help="The release to restore. By default the one before that on offer.", min=1),
    ] = None,
    wave: Wave = None,
    rings: Rings = _RINGS,
    max_refused: MaxRefused = 0.02,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Release the files of an earlier release under a new number. Devices take it like any release.

    Example: pocketrec release rollback releases
    """
    from server.repository.publish import roll_back
    from server.repository.show import show_published

    rollout = _rollout(wave, rings, max_refused)
    show_published(
        roll_back(_place(repo), _ring(repo, keys), target=target, to=to, rollout=rollout), repo, as_json=as_json
    )


@release.command("rotate")
def rotate(
    repo: Repo,
    key: Annotated[str, typer.Argument(metavar="KEY", help=f"The key to replace: {', '.join(KEYS)}.")],
    signer: Annotated[str | None, typer.Option(metavar="URI", help="URI of the new key, if it is elsewhere.")] = None,
    drop: Annotated[
        bool,
        typer.Option("--drop", help="The old key was stolen: take what it signed off the offer."),
    ] = False,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key. Devices take the new one over with their next check, and the old one no longer counts.

    Example: pocketrec release rotate releases adapter
    """
    from server.repository import rotate as rotating
    from server.repository.show import show_rotated

    ring = _ring(repo, keys)
    show_rotated(rotating.rotate(_place(repo), key, ring, uri=signer, drop=drop), ring.folders[0], as_json=as_json)


@release.command("expire")
def expire(
    repo: Repo,
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="ROLE...", help="The roles to renew, such as timestamp.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(metavar="N", help="Valid for N days from now.", min=0.01, max=3650)
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only show until when each role is valid.")] = False,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Renew the expiry dates of some roles; a timer runs it for the timestamp.

    Example: pocketrec release expire releases timestamp
    """
    from server.repository.rotate import expiries_of, renew
    from server.repository.show import show_expiries

    if not roles and not listed:
        raise typer.BadParameter("name a role, such as timestamp, or give --list", param_hint="ROLE")
    renewed = expiries_of(_place(repo)) if listed else renew(_place(repo), roles or [], _ring(repo, keys), days=days)
    show_expiries(renewed, as_json=as_json)


@release.command("prune")
def prune(
    repo: Repo,
    keep: Annotated[
        int, typer.Option(metavar="N", help="Keep the files of the last N releases of each target.", min=1)
    ] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, and say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete files that no release on offer, no delta and none of the last releases needs.

    Example: pocketrec release prune releases --keep 8
    """
    from server.repository import prune as pruning
    from server.repository.show import show_pruned

    show_pruned(pruning.prune(_place(repo), keep=keep, dry_run=dry_run), dry_run=dry_run, as_json=as_json)


@release.command("status")
def status(repo: Repo, as_json: AsJson = False) -> None:
    """Verify the repository, and show its releases, rollouts, keys and expiry dates.

    Exit code 1 if it is damaged, or if metadata has expired, so that devices take no updates.

    Example: pocketrec release status releases
    """
    from server.repository.show import show_status
    from server.repository.status import read_status

    show_status(read_status(_place(repo)), repo, as_json=as_json)


def _ring(repo: str, folders: list[Path] | None) -> "KeyRing":
    from server.repository.keys import KeyRing, default_folder

    return KeyRing(folders or [default_folder(_place(repo))])


def _component(name: str | None) -> str | None:
    from edge_runtime.bundle.release import COMPONENTS

    if name is not None and name not in COMPONENTS:
        raise typer.BadParameter(f"found {name!r}, expected one of {', '.join(COMPONENTS)}", param_hint="--component")
    return name


def _rollout(hours: float | None, rings: str, max_refused: float) -> "Rollout | None":
    from server.repository.publish import Rollout

    if hours is None:
        return None
    try:
        shares = tuple(float(share) for share in rings.split(","))
    except ValueError:
        shares = ()
    ascending = all(0 < share <= 1 for share in shares) and list(shares) == sorted(set(shares))
    if not ascending or shares[-1:] != (1.0,) or len(shares) > 16:
        raise typer.BadParameter(
            f"found {rings!r}, expected at most 16 ascending shares up to 1, such as {_RINGS}", param_hint="--rings"
        )
    return Rollout(hours, shares, max_refused)


def _signers(given: list[str]) -> dict[str, str]:
    signers = dict(text.partition("=")[::2] for text in given)
    for name in signers:
        if name not in KEYS or not signers[name]:
            raise typer.BadParameter(
                f"found {name!r}, expected KEY=URI with one of the keys {', '.join(KEYS)}", param_hint="--signer"
            )
    return signers
