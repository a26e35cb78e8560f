"""Spark Avatar: one portrait and one recording in, a lip-synced talking video out.

The library's one call is `render`; everything else is reached through the modules.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spark_avatar.pipeline import render as render

__version__ = "0.1.0"
__all__ = ["__version__", "render"]


def __getattr__(name: str) -> Any:
    """Loads `render` on first use, so that importing the package stays cheap."""
    if name == "render":
        from spark_avatar.pipeline import render

        return render
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
