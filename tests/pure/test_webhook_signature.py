"""A webhook's proof: what was signed is believed, and nothing that differs in one bit or is stale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.signature import TOLERANCE_S, encode_secret, headers, read_secret, sign, verify

NOW = 1_790_000_000
SECRET = encode_secret(b"k" * 32)


def test_the_published_example_of_the_specification() -> None:
    """The vector that Standard Webhooks' own text gives."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=300))
def test_what_was_signed_is_believed(key: bytes, body: bytes) -> None:
    secret = encode_secret(key)
    assert read_secret(secret) == key
    sent = headers(secret, "d-1", NOW, body)
    assert verify(secret, "d-1", sent["webhook-timestamp"], sent["webhook-signature"], body, NOW + 10) is None


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_changed_bit_is_not_believed(body: bytes, data: st.DataObject) -> None:
    signature = sign(SECRET, "d-1", NOW, body)
    at = data.draw(st.integers(0, len(body) * 8 - 1))
    forged = bytearray(body)
    forged[at // 8] ^= 1 << at % 8
    assert "does not fit" in str(verify(SECRET, "d-1", str(NOW), signature, bytes(forged), NOW))
    assert "does not fit" in str(verify(SECRET, "d-2", str(NOW), signature, body, NOW))
    assert "does not fit" in str(verify(SECRET, "d-1", str(NOW + 1), signature, body, NOW))
    assert "does not fit" in str(verify(encode_secret(b"x" * 32), "d-1", str(NOW), signature, body, NOW))


@given(st.text(), st.text(), st.text(), st.binary(max_size=50))
def test_forged_headers_are_refused_and_never_an_error(delivery: str, at: str, signature: str, body: bytes) -> None:
    delivery, signature = (said.encode("utf-8", "replace").decode() for said in (delivery, signature))
    assert verify(SECRET, delivery, at, signature, body, NOW) is not None


def test_a_stale_or_early_delivery_is_refused() -> None:
    signature = sign(SECRET, "d", NOW, b"{}")
    for seconds in (TOLERANCE_S + 1, -TOLERANCE_S - 1):
        assert "too old" in str(verify(SECRET, "d", str(NOW), signature, b"{}", NOW + seconds))
    assert verify(SECRET, "d", str(NOW), signature, b"{}", NOW + TOLERANCE_S) is None


def test_while_a_secret_changes_one_fitting_signature_is_enough() -> None:
    both = sign(encode_secret(b"o" * 32), "d", NOW, b"{}") + " " + sign(SECRET, "d", NOW, b"{}")
    assert verify(SECRET, "d", str(NOW), both, b"{}", NOW) is None


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_YWJj", "a" * 40, "whsec_" + "A" * 400])
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is whsec_") as refused:
        read_secret(secret)
    assert len(secret) < 7 or secret not in str(refused.value)
