"""Proofs and codes of logging in from a terminal."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from spark_avatar.accounts.device_login import (
    LIFE,
    DeviceLogin,
    Proof,
    check_client,
    new_device_code,
    new_user_code,
    read_user_code,
)
from spark_avatar.errors import MalformedRequest, ProofRefused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


PUBLIC = unpadded(KEY.public_key().public_bytes_raw())


def proof(*, key: Ed25519PrivateKey = KEY, at: datetime = NOW, nonce: str = "a-fresh-word", code: str = "the-code") -> Proof:
    timestamp = str(int(at.timestamp()))
    digest = sha256(f"{code}:{timestamp}:{nonce}".encode()).digest()
    return Proof(code, timestamp, nonce, unpadded(key.sign(digest)))


def test_the_example_of_rfc_8032_signs_as_the_contract_says():
    """The key pair of RFC 8032, 7.1, TEST 1: ours is the standard's Ed25519, over the digest and not over the text."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert key.public_key().public_bytes_raw() == public
    proof(key=key).check(unpadded(public), NOW)
    over_text = replace(proof(key=key), signature=unpadded(key.sign(f"the-code:{int(NOW.timestamp())}:a-fresh-word".encode())))
    with pytest.raises(ProofRefused):
        over_text.check(unpadded(public), NOW)


@pytest.mark.parametrize("off", [-299, 0, 299])
def test_a_right_proof_is_taken_within_five_minutes(off: int):
    proof(at=NOW + timedelta(seconds=off)).check(PUBLIC, NOW)


@pytest.mark.parametrize("off", [-301, 301, 86400])
def test_a_proof_of_another_time_is_refused(off: int):
    with pytest.raises(ProofRefused, match="5 minutes"):
        proof(at=NOW + timedelta(seconds=off)).check(PUBLIC, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"device_code": "another"},
        {"nonce": "another-word"},
        {"timestamp": str(int(NOW.timestamp()) + 1)},
        {"timestamp": "now"},
        {"timestamp": "-1"},
        {"timestamp": "٣" * 10},
        {"timestamp": "9" * 400},
        {"signature": ""},
        {"signature": proof().signature + "=="},
        {"signature": "A" * 86},
        {"signature": proof(key=Ed25519PrivateKey.from_private_bytes(bytes(32))).signature},
        {"nonce": ""},
        {"nonce": "x" * 1000},
        {"nonce": "with:\0nul-in-it"},
        {"device_code": "\ud800"},
    ],
)
def test_a_wrong_proof_is_refused(change: dict[str, str]):
    with pytest.raises(ProofRefused):
        replace(proof(), **change).check(PUBLIC, NOW)


def test_parts_cannot_be_moved_across_the_colons():
    """The digest is over `code:time:nonce`; whoever moves a colon must not get another valid triple out of one signature."""
    signed = proof(nonce="12345678:abcdefgh")
    with pytest.raises(ProofRefused):
        Proof(f"the-code:{signed.timestamp}", "12345678", "abcdefgh", signed.signature).check(PUBLIC, NOW)


@pytest.mark.parametrize(
    ("client_id", "key"),
    [
        ("", PUBLIC),
        ("  ", PUBLIC),
        ("x" * 65, PUBLIC),
        ("a\nb", PUBLIC),
        ("cli", ""),
        ("cli", PUBLIC + "="),
        ("cli", PUBLIC[:-1]),
        ("cli", "+" + PUBLIC[1:]),
        ("cli", "ä" + PUBLIC[1:]),
    ],
)
def test_a_login_needs_a_name_and_a_key(client_id: str, key: str):
    with pytest.raises(MalformedRequest):
        check_client(client_id, key)


def test_user_codes_are_short_distinct_and_easy_to_type():
    codes = {new_user_code() for _ in range(500)}
    assert len(codes) == 500
    for code in codes:
        assert len(code) == 9
        assert not set(code) & set("AEIOUY0125")
        assert read_user_code(f" {code.lower().replace('-', ' ')} ") == code
    assert len({new_device_code() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "typed", ["", "BCDF", "BCDF-GHJK-L", "ABCD-EFGH", "BCDF-GHJ\0", "BCDF-GHJ" + " " * 5000 + "K", "ｂCDF-GHJK"]
)
def test_what_is_no_user_code_is_told_apart(typed: str):
    assert read_user_code(typed) is None


def test_a_login_is_over_when_it_was_denied_taken_or_too_late():
    login = DeviceLogin("hash", "BCDF-GHJK", "cli", PUBLIC, "127.0.0.1", NOW, NOW + LIFE)
    assert login.state(NOW) == "pending"
    assert login.state(NOW + LIFE) == "expired"
    approved = replace(login, user_id="u", approved_at=NOW)
    assert approved.state(NOW) == "approved"
    assert approved.state(NOW + LIFE) == "expired"
    assert replace(approved, claimed_at=NOW).state(NOW) == "expired"
    assert replace(login, denied_at=NOW).state(NOW) == "expired"
