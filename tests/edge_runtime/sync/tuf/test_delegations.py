"""A target is searched for in pre-order through the roles that are trusted with its path.

The cases include those of the public TUF conformance suite's tests of delegations and of role names.
"""

from dataclasses import dataclass

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations

from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf import TrustedMetadata, target
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, TODAY, Device, Repository


@dataclass(frozen=True)
class Edge:
    """A delegation."""

    by: str
    to: str
    paths: tuple[str, ...] = ("*",)
    terminating: bool = False


GRAPHS = {
    "one": ([Edge("targets", "A")], "A"),
    "two": ([Edge("targets", "A"), Edge("targets", "B")], "AB"),
    "a child of the second": ([Edge("targets", "A"), Edge("targets", "B"), Edge("B", "C")], "ABC"),
    "children before siblings": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("A", "C"), Edge("A", "D")],
        "ACDB",
    ),
    "grandchildren before siblings": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("A", "C"), Edge("C", "D")],
        "ACDB",
    ),
    "nothing after a terminating role": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("A", "C", terminating=True), Edge("A", "D")],
        "AC",
    ),
    "the children of a terminating role": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("A", "C", terminating=True), Edge("C", "D")],
        "ACD",
    ),
    "no child of a role without the path": (
        [Edge("targets", "A", ("*.py",)), Edge("targets", "B"), Edge("A", "C")],
        "B",
    ),
    "no grandchild of a role without the path": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("A", "C", ("*.py",)), Edge("C", "D")],
        "AB",
    ),
    "a cycle": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("B", "C"), Edge("C", "D"), Edge("D", "B")],
        "ABCD",
    ),
    "a role of two others": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("B", "C"), Edge("A", "C")],
        "ACB",
    ),
    "a role of two others, with different paths": (
        [Edge("targets", "A"), Edge("targets", "B"), Edge("B", "C"), Edge("A", "C", ("*.py",))],
        "ABC",
    ),
}


@pytest.mark.parametrize(("edges", "visited"), GRAPHS.values(), ids=GRAPHS)
def test_roles_are_visited_in_order(repository: Repository, device: Device, edges: list[Edge], visited: str) -> None:
    for edge in edges:
        repository.delegate(edge.to, *edge.paths, by=edge.by, terminating=edge.terminating)
    roles = sorted({role for edge in edges for role in (edge.by, edge.to)} - {"targets"})
    repository.publish(*roles, *PUBLISHING)

    assert device.find("missing").file is None
    assert repository.requests[4:] == [f"1.{role}.json" for role in visited]


TREE = {
    "top": ("targets", ""),
    "README.md": ("A", "A"),
    "releases/x/x_v1": ("C", "BC"),
    "releases/y/y_v1.zip": ("D", "BD"),
    "releases/z/z_v1.zip": (None, "B"),
    "releases/x/deeper/x_v1": (None, ""),
}


@pytest.mark.parametrize(("path", "found"), TREE.items())
def test_patterns_match_segment_by_segment(
    repository: Repository, device: Device, path: str, found: tuple[str | None, str]
) -> None:
    repository.delegate("A", "*.doc", "*.md")
    repository.delegate("B", "releases/*/*")
    repository.delegate("C", "releases/x/*", by="B")
    repository.delegate("D", "releases/y/*.zip", by="B")
    repository.add("top", b"top")
    repository.add("README.md", b"README", "A")
    repository.add("releases/x/x_v1", b"x", "C")
    repository.add("releases/y/y_v1.zip", b"y", "D")
    repository.add("releases/z/z_v1.zip", b"z", "D")  # with which nobody trusts it
    repository.publish("A", "B", "C", "D", *PUBLISHING)

    file = device.find(path).file

    role, visited = found
    assert repository.requests[4:] == [f"1.{name}.json" for name in visited]
    assert (file.role if file else None) == role
    if file is not None:
        content = repository.targets[file.name]
        assert (file.path, file.length) == (path, len(content))


def test_a_role_has_its_targets_only_under_its_own_keys(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.delegate("codebook", "codebook/*")
    repository.signers["codebook"] = repository.signers["adapter"]
    repository.add("codebook/laptop", b"forged", "codebook")
    repository.publish("adapter", "codebook", *PUBLISHING)

    with pytest.raises(UpdateRefusedError, match="its codebook file 1 is signed by 0"):
        device.find("codebook/laptop")
    assert "codebook" not in device.versions()


def test_a_stolen_key_is_out_after_one_refresh(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.add("adapter/laptop", b"good", "adapter")
    repository.publish("adapter", *PUBLISHING)
    assert device.find("adapter/laptop").file is not None

    stolen = repository.signers["adapter"]
    repository.role().revoke_key(stolen[0].public_key.keyid, "adapter")
    repository.signers["adapter"] = [CryptoSigner.generate_ed25519()]
    repository.delegate("adapter", "adapter/*")
    repository.publish("targets")
    repository.signers["adapter"] = stolen
    repository.add("adapter/laptop", b"evil", "adapter")
    repository.publish("adapter", "snapshot", "timestamp")

    with pytest.raises(UpdateRefusedError, match="its adapter file 2 is signed by 0"):
        device.find("adapter/laptop")


def test_a_saved_delegated_file_is_not_fetched_again(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.add("adapter/laptop", b"content", "adapter")
    repository.publish("adapter", *PUBLISHING)
    device.find("adapter/laptop")
    repository.requests.clear()

    assert device.find("adapter/laptop").file is not None
    assert repository.requests == ["2.root.json", "timestamp.json"]


def test_a_missing_delegated_file_ends_the_search(repository: Repository, device: Device) -> None:
    repository.delegate("A")
    repository.delegate("B")
    repository.add("path", b"content", "B")
    repository.publish("A", "B", *PUBLISHING)
    del repository.files["1.A.json"]

    with pytest.raises(UpdateRefusedError, match="it has no file A 1"):
        device.find("path")


def test_a_delegated_role_that_the_snapshot_does_not_list_is_refused(repository: Repository, device: Device) -> None:
    repository.delegate("A")
    repository.publish(*PUBLISHING)

    with pytest.raises(UpdateRefusedError, match=r"does not list A\.json"):
        device.find("path")


@pytest.mark.parametrize("role", ["?", "#", "/delegatedrole", "../delegatedrole", "..", ".", "a b", "ü"])
def test_unusual_role_names_are_quoted_in_requests(repository: Repository, device: Device, role: str) -> None:
    repository.delegate(role)
    repository.publish(role, *PUBLISHING)

    assert device.find("missing").file is None
    assert repository.requests[-1] == repository.name_of(role)
    assert "/" not in repository.requests[-1]
    assert device.versions()[role] == 1


def test_at_most_thirty_two_delegations_are_visited(repository: Repository, device: Device) -> None:
    roles = [f"r{number:02}" for number in range(40)]
    for role in roles:
        repository.delegate(role)
    repository.add("path", b"content", roles[-1])
    repository.publish(*roles, *PUBLISHING)

    assert device.find("path").file is None
    assert repository.requests[4:] == [f"1.{role}.json" for role in roles[:32]]


def test_prefixes_of_path_digests_are_followed(repository: Repository, device: Device) -> None:
    # sha256("path") begins with a0af9f, and that of "other" with d9298a.
    repository.delegate("A")
    delegations = repository.role().delegations
    assert delegations is not None
    assert delegations.roles is not None
    keyids = delegations.roles["A"].keyids
    delegations.roles["A"] = DelegatedRole("A", keyids, 1, False, None, ["a0", "bbb"])
    repository.add("path", b"content", "A")
    repository.add("other", b"content", "A")
    repository.publish("A", *PUBLISHING)

    assert device.find("path").file is not None
    assert device.find("other").file is None


def test_a_search_before_the_first_update_is_an_error_of_the_caller(repository: Repository) -> None:
    trusted = TrustedMetadata.pinned(repository.files["1.root.json"])

    with pytest.raises(ValueError, match="run `update` first"):
        next(target(trusted, "path", TODAY.timestamp))


def test_empty_delegations_delegate_nothing(repository: Repository, device: Device) -> None:
    repository.role().delegations = Delegations({}, roles={})
    repository.publish(*PUBLISHING)

    assert device.find("path").file is None
