"""What the console's answers allow a browser to do."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_PERMISSIONS: Final = ", ".join(
    [
        "camera=(self)",
        "microphone=(self)",
        "clipboard-write=(self)",
        *(f"{feature}=()" for feature in ("geolocation", "payment", "usb", "display-capture", "midi", "serial")),
    ]
)


def security_headers(file_addresses: Iterable[str] = ()) -> dict[str, str]:
    """For every page and file of the console. `file_addresses` are addresses at which stored files are read besides this server's
    own: the public one, and that of a storage which readers are led on to. Only their origins count.
    """
    origins = "".join(f" {origin}" for origin in sorted({_origin(address) for address in file_addresses} - {""}))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self' blob: data:{origins}; media-src 'self' blob:{origins}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": _PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _origin(address: str) -> str:
    split = urlsplit(address)
    return f"{split.scheme}://{split.netloc}" if split.netloc else ""
