"""Seeds of renders: same inputs, options and seed, same frames."""

import secrets
from typing import Final

MAX_SEED: Final = 2**32 - 1


def draw_seed() -> int:
    """A seed for a caller who gave none, 0..`MAX_SEED`."""
    return secrets.randbelow(MAX_SEED + 1)
