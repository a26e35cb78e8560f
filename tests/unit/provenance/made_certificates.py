"""Certificates as operators have them."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
_NO_PASSWORD = serialization.NoEncryption()


def operators(
    folder: Path,
    *,
    key: object = None,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    days: int = 30,
    encryption: serialization.KeySerializationEncryption = _NO_PASSWORD,
) -> tuple[Path, Path, bytes]:
    """A certificate of an operator's own authority, its key, and the authority's certificate."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = key or ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A studio"), x509.NameAttribute(NameOID.COMMON_NAME, "videos.example")]
    )

    def made(subject: x509.Name, public: object, *, ca: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder(root_name, subject, public, x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=60))
            .not_valid_after(NOW + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False),
                critical=True,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(root_key, hashes.SHA256())

    root, own = made(root_name, root_key.public_key(), ca=True), made(name, key.public_key(), ca=False)
    chain = own.public_bytes(serialization.Encoding.PEM) + root.public_bytes(serialization.Encoding.PEM)
    certificate_file, key_file = folder / "own.pem", folder / "own.key"
    certificate_file.write_bytes(chain)
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return certificate_file, key_file, root.public_bytes(serialization.Encoding.PEM)
