"""The certificate that signs: kept safely, checked early, and refused where it does not fit."""

import datetime
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from made_certificates import NOW, operators

from spark_avatar.errors import ConfigurationError
from spark_avatar.provenance.certificate import kept_credentials, new_credentials, read_credentials
from spark_avatar.provenance.manifest import check_credentials


def test_self_made_ones_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "provenance"
    first, second = kept_credentials(folder), kept_credentials(folder)
    assert first == second
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert "UNTRUSTED" in first.subject
    assert first.self_made
    assert first.expires > NOW + datetime.timedelta(days=3000)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["provenance"]


def test_processes_that_start_together_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: kept_credentials(tmp_path / "provenance"), range(8)))
    assert len({credentials.key for credentials in made}) == 1


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    kept_credentials(tmp_path / "provenance")
    (tmp_path / "provenance" / "key.pem").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        kept_credentials(tmp_path / "provenance")


def test_self_made_ones_sign() -> None:
    check_credentials(new_credentials())


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "es256"),
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_operators_own_sign(tmp_path: Path, key: object, algorithm: str) -> None:
    certificate, private, _ = operators(tmp_path, key=key)
    credentials = read_credentials(certificate, private)
    assert (credentials.algorithm, credentials.subject, credentials.self_made) == (algorithm, "videos.example", False)
    check_credentials(credentials)


def test_a_certificate_for_another_purpose_is_refused_with_a_reason(tmp_path: Path) -> None:
    certificate, private, _ = operators(tmp_path, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(ConfigurationError, match="emailProtection"):
        check_credentials(read_credentials(certificate, private))


def test_an_outdated_certificate_is_refused(tmp_path: Path) -> None:
    certificate, private, _ = operators(tmp_path, days=-1)
    with pytest.raises(ConfigurationError, match="renew"):
        read_credentials(certificate, private)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate, _, _ = operators(tmp_path)
    _, other, _ = operators(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="not that of the certificate"):
        read_credentials(certificate, other)


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    certificate, private, _ = operators(tmp_path, encryption=serialization.BestAvailableEncryption(b"word"))
    with pytest.raises(ConfigurationError, match="encrypted"):
        read_credentials(certificate, private)


def test_a_kind_of_key_that_c2pa_does_not_know_is_refused(tmp_path: Path) -> None:
    certificate, private, _ = operators(tmp_path, key=dsa.generate_private_key(2048))
    with pytest.raises(ConfigurationError, match="does not know"):
        read_credentials(certificate, private)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    certificate, private, _ = operators(tmp_path)
    certificate.write_bytes(content)
    with pytest.raises(ConfigurationError, match="PEM"):
        read_credentials(certificate, private)


def test_a_missing_file_is_named_by_its_role_not_its_path(tmp_path: Path) -> None:
    certificate, _, _ = operators(tmp_path)
    with pytest.raises(ConfigurationError, match="signing key") as caught:
        read_credentials(certificate, tmp_path / "nothing.pem")
    assert str(tmp_path) not in caught.value.message
