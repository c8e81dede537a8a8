"""Each byte that was seen must be in a receipt, and each receipt explains its bytes once."""

from edge_runtime.audit.recorder import Stream
from edge_runtime.audit.traffic import compare

GET = "GET /a HTTP/1.1\r\n\r\n"
POST = "POST /b HTTP/1.1\r\n\r\n"


def plain(text: str, n_encrypted: int = 0) -> Stream:
    return Stream(bytearray(text.encode("latin-1")), n_encrypted)


def test_requests_on_several_connections_are_explained_by_their_receipts() -> None:
    found = compare([plain(GET + POST), plain(GET)], [GET, POST, GET])

    assert found.unexplained == ()
    assert found.n_plain_bytes == len(GET + POST + GET)


def test_what_no_receipt_has_is_shown() -> None:
    assert compare([plain(GET + "GET /leak HTTP/1.1\r\n\r\n")], [GET]).unexplained == ("GET /leak HTTP/1.1\r\n\r\n",)


def test_a_request_that_is_sent_twice_needs_two_receipts() -> None:
    assert compare([plain(GET), plain(GET)], [GET]).unexplained == (GET,)


def test_a_request_that_broke_off_is_explained() -> None:
    assert compare([plain(GET[:5])], [GET]).unexplained == ()


def test_encrypted_bytes_may_be_as_many_as_the_receipts_explain() -> None:
    tunnel = "CONNECT a:443 HTTP/1.1\r\n\r\n"

    assert compare([plain(tunnel, 2000)], [tunnel, GET]).unexplained == ()
    assert compare([plain(tunnel, 9000)], [tunnel, GET]).unexplained == (
        "(4821 encrypted bytes more than the receipts explain)",
    )
