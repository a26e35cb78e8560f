"""What a video costs, in exact decimals. Amounts are US dollars with four places: what is quoted, held, charged and shown is
the same number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from spark_avatar.errors import ConfigurationError

CURRENCY: Final = "USD"
SMALLEST_CHARGE: Final = Decimal("0.0001")
_FRAME_SECONDS: Final = Decimal("0.1")
"""A video ends with a whole frame, so it may differ from its recording by one; engines make ten a second or more."""


@dataclass(frozen=True)
class Price:
    """The price of one model. Compute units are known only afterwards: quotes expect `units_per_second` of them, and no more
    than `tolerance` above that is charged.
    """

    per_second: Decimal = Decimal(0)
    """Of finished video."""
    per_compute_unit: Decimal = Decimal(0)
    units_per_second: Decimal = Decimal(0)
    """Compute units that a second of video is expected to take: the usage of completed tasks tells."""
    tolerance: Decimal = Decimal("0.25")
    """Share of the expected compute units by which a task may exceed them at its owner's cost."""
    minimum: Decimal = Decimal(0)
    """The least that a video costs, after the discount."""
    discount: Decimal = Decimal(1)
    """What is charged of the full price: 0.85 is 15 % off."""

    def __post_init__(self) -> None:
        """Raises `ConfigurationError` for a price that nobody can mean."""
        for each in fields(self):
            value = getattr(self, each.name)
            if not value.is_finite() or value < 0:
                raise ConfigurationError(f"The price's `{each.name}` is {value}: it must be 0 or more.")
        if self.discount > 1:
            raise ConfigurationError(f"The price's `discount` is {self.discount}: it is the share that is paid, at most 1.")
        if self.per_compute_unit and not self.units_per_second:
            raise ConfigurationError("A price `per_compute_unit` needs `units_per_second`, so that quotes can expect something.")

    @property
    def free(self) -> bool:
        """Whether no video costs anything."""
        return not (self.per_second * self.discount or self.per_compute_unit * self.discount or self.minimum)

    def charge(self, seconds: float | Decimal, compute_units: int | Decimal = 0) -> Decimal:
        """Price of a video of that length that took so many compute units, rounded half up."""
        full = self.per_second * _exact(seconds) + self.per_compute_unit * compute_units
        return max(self.minimum, full * self.discount).quantize(SMALLEST_CHARGE, rounding=ROUND_HALF_UP)

    def expected(self, seconds: float) -> Decimal:
        """Price of a recording of that length, when it takes the compute units that are usual."""
        return self.charge(seconds, self.units_per_second * _exact(seconds))

    def lowest(self, seconds: float) -> Decimal:
        """No less is charged for a recording of that length."""
        return self.charge(max(Decimal(0), _exact(seconds) - _FRAME_SECONDS))

    def highest(self, seconds: float) -> Decimal:
        """No more is charged for a recording of that length, whatever it takes."""
        longest = _exact(seconds) + _FRAME_SECONDS
        return self.charge(longest, self.units_per_second * longest * (1 + self.tolerance))


@dataclass(frozen=True)
class PriceList:
    """The prices of all models."""

    default: Price = field(default_factory=Price)
    models: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def of(cls, per_second: Decimal, models: Mapping[str, Mapping[str, Decimal]]) -> "PriceList":
        """From settings: a price per second for all models, and the prices of those that have their own. Raises
        `ConfigurationError`.
        """
        known = {each.name for each in fields(Price)}
        for model, members in models.items():
            if unknown := sorted(set(members) - known):
                raise ConfigurationError(f"The price of {model} has no `{unknown[0]}`; it may have {', '.join(sorted(known))}.")
        return cls(Price(per_second), {model: Price(**members) for model, members in models.items()})

    def of_model(self, model: str) -> Price:
        """The model's own price, or everybody's."""
        return self.models.get(model, self.default)


def plain(amount: Decimal) -> str:
    """An amount as clients read it: a plain decimal with four places or more, e.g. `0.0420`."""
    exact = amount.normalize()
    places = max(4, -int(exact.as_tuple().exponent))
    return format(exact, f".{places}f")


def _exact(seconds: float | Decimal) -> Decimal:
    # repr gives the shortest decimal that is this float, so 0.1 s costs a tenth and not a hair more.
    return seconds if isinstance(seconds, Decimal) else Decimal(repr(seconds))
