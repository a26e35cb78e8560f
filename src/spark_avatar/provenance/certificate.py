"""The certificate and key that manifests are signed with: the operator's, or self-made ones that nobody trusts."""

import datetime
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from spark_avatar.errors import ConfigurationError
from spark_avatar.private_files import make_private_folder

SELF_MADE: Final = "Spark Avatar self-made certificate (UNTRUSTED)"
"""Name of the signer that comes by itself; nobody has checked who it is."""
CERTIFICATE_NAME: Final = "certificate.pem"
KEY_NAME: Final = "key.pem"
_ORGANISATION: Final = "Unverified Spark Avatar installation"
_YEARS: Final = 10
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Credentials:
    """What signs."""

    chain: bytes
    """Certificates in PEM, the signer's first."""
    key: bytes
    """Private key in PEM."""
    algorithm: str
    """As C2PA calls it: es256, es384, es512, ps256 or ed25519."""
    subject: str
    """Common name of the signer, else its whole name."""
    expires: datetime.datetime
    self_made: bool


def read_credentials(certificate: Path, key: Path) -> Credentials:
    """The operator's. Raises `ConfigurationError` for files that cannot be read, do not fit each other, or are out of date."""
    chain, private = _read(certificate, "certificate"), _read(key, "key")
    return _checked(chain, private, self_made=False)


def kept_credentials(folder: Path) -> Credentials:
    """The self-made ones in this folder; makes them where there are none. Processes that start together all get the same. Raises
    `ConfigurationError` where others may read the key, a file is damaged, or they have run out.
    """
    certificate, key = folder / CERTIFICATE_NAME, folder / KEY_NAME
    if not certificate.exists():
        _keep(folder)
    # Windows has no such bits; there the folder's access list decides.
    if sys.platform != "win32" and key.exists() and key.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"Other users may read the signing key `{key.name}`: run `chmod 600` on it, or remove its folder."
        )
    return _checked(_read(certificate, "certificate"), _read(key, "key"), self_made=True)


def new_credentials() -> Credentials:
    """Self-made ones that are kept nowhere."""
    return _checked(*_made(), self_made=True)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the signing {what} cannot be read: {error.strerror}") from error


def _checked(chain: bytes, private: bytes, *, self_made: bool) -> Credentials:
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        key = serialization.load_pem_private_key(private, password=None)
        same = _raw(certificate.public_key()) == _raw(key.public_key())
    except TypeError as error:
        raise ConfigurationError(
            "the signing key is encrypted: give it without a password, readable by its owner only"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the signing certificate or key is not in PEM, or damaged") from error
    if not same:
        raise ConfigurationError("the signing key is not that of the certificate (the signer's must be the first in its file)")
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ConfigurationError(
            f"the signing certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} "
            f"to {certificate.not_valid_after_utc:%Y-%m-%d}, not today: renew it"
        )
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    subject = str(names[0].value) if names else certificate.subject.rfc4514_string()
    return Credentials(chain, private, _algorithm(key), subject, certificate.not_valid_after_utc, self_made)


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise ConfigurationError("the signing key is of a kind that C2PA does not know: use EC (P-256, P-384, P-521), Ed25519 or RSA")


def _raw(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _keep(folder: Path) -> None:
    """Both files appear together, whole, or are those of a process that was first."""
    make_private_folder(folder.parent)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    draft.mkdir(mode=0o700)
    try:
        chain, key = _made()
        _write(draft / CERTIFICATE_NAME, chain, 0o644)
        _write(draft / KEY_NAME, key, 0o600)
        draft.rename(folder)
    except OSError:
        if not (folder / CERTIFICATE_NAME).exists():
            raise
    finally:
        for file in draft.glob("*"):
            file.unlink()
        if draft.exists():
            draft.rmdir()


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _made() -> tuple[bytes, bytes]:
    """A certificate with its issuer's, and its key. C2PA refuses certificates that sign themselves, so an issuer is made too;
    its key is forgotten at once.
    """
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer_name, name = _name(f"{SELF_MADE}, issuer"), _name(SELF_MADE)
    issuer = _certificate(issuer_name, issuer_name, issuer_key.public_key(), issuer_key, issues=True)
    own = _certificate(name, issuer_name, key.public_key(), issuer_key, issues=False)
    chain = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in (own, issuer))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return chain, private


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    issues: bool,
) -> x509.Certificate:
    """After the profile of the C2PA specification, 14.5 (2.2)."""
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(_USAGES, False) | dict.fromkeys(_ISSUER_USAGES if issues else _SIGNER_USAGES, True)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ, and wrong ones are set right later
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=issues, path_length=0 if issues else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not issues:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


_USAGES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_ISSUER_USAGES: Final = ("key_cert_sign", "crl_sign")
_SIGNER_USAGES: Final = ("digital_signature",)
