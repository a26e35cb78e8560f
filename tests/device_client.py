"""A program that logs in from a terminal, written from the contract and not from our code."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class DeviceClient:
    """Has a key of its own, and signs every question with it."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    device_code: str = ""

    def begin(self, client_id: str = "spark-cli") -> dict[str, str]:
        """The body of `cli/device/code`."""
        return {"client_id": client_id, "client_public_key": unpadded(self.key.public_key().public_bytes_raw())}

    def question(self, *, off: int = 0, nonce: str | None = None) -> dict[str, str]:
        """The body of `cli/token`; `off` moves its clock, in seconds."""
        timestamp, nonce = str(int(time.time()) + off), nonce or secrets.token_hex(16)
        digest = hashlib.sha256(f"{self.device_code}:{timestamp}:{nonce}".encode()).digest()
        return {
            "device_code": self.device_code,
            "timestamp": timestamp,
            "nonce": nonce,
            "proof": unpadded(self.key.sign(digest)),
        }
