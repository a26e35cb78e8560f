"""What a video costs, in exact decimals."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CURRENCY = "USD"
_SMALLEST = Decimal("0.0001")


@dataclass(frozen=True)
class PriceList:
    """Prices in US dollars."""

    price_per_second: Decimal = Decimal(0)
    """Of finished video."""
    discount: float = 1.0
    """Reported to clients; 1 is the full price."""

    def cost(self, seconds: float) -> str:
        """Price of a video of that length: a plain decimal with four places, e.g. `0.0420`."""
        # repr gives the shortest decimal that is this float, so 0.1 s costs a tenth and not a hair more.
        exact = self.price_per_second * Decimal(repr(seconds)) * Decimal(repr(self.discount))
        return format(exact.quantize(_SMALLEST, rounding=ROUND_HALF_UP), "f")

    @property
    def unit_price(self) -> str:
        """Price of one second, a plain decimal."""
        return format(self.price_per_second, "f")
