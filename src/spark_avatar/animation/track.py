"""The animation of a face over time: public, serialisable, independent of any engine."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from spark_avatar.animation.blendshapes import BLENDSHAPES, mouth_opening
from spark_avatar.media.arrays import Curve, FloatArray


@dataclass(frozen=True, eq=False)
class AnimationTrack:
    """What a face does, frame by frame. Left and right are the subject's."""

    frame_rate: Fraction
    blendshapes: FloatArray
    """(frames, 52), 0..1, columns in the order of `BLENDSHAPES` (the ARKit names)."""
    head_rotation: FloatArray
    """(frames, 3): yaw, pitch, roll in degrees, added to the portrait's own pose; signs as in `HeadPose`."""
    head_translation: FloatArray
    """(frames, 3): x, y, z in outer-eye-corner distances, axes as in `Points`."""
    breath: Curve
    """(frames,), 0 = breathed out, 1 = breathed in."""

    def __post_init__(self) -> None:
        frames = len(self)
        expected = {
            "blendshapes": (frames, len(BLENDSHAPES)),
            "head_rotation": (frames, 3),
            "head_translation": (frames, 3),
            "breath": (frames,),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} has shape {found}, expected {shape}")

    def __len__(self) -> int:
        return len(self.blendshapes)

    def part(self, first: int, end: int) -> "AnimationTrack":
        """The frames [first, end) as a track of their own."""
        return AnimationTrack(
            self.frame_rate,
            self.blendshapes[first:end],
            self.head_rotation[first:end],
            self.head_translation[first:end],
            self.breath[first:end],
        )

    def curve(self, name: str) -> Curve:
        """One blendshape over time, (frames,)."""
        values: Curve = self.blendshapes[:, BLENDSHAPES.index(name)]
        return values

    @property
    def mouth_open(self) -> Curve:
        """(frames,): inner-lip gap in outer-eye-corner distances."""
        return mouth_opening(self.blendshapes)

    @property
    def seconds(self) -> float:
        """Length of the animation."""
        return float(len(self) / self.frame_rate)

    def to_dict(self) -> dict[str, object]:
        """A JSON-serialisable form: `frame_rate`, `blendshapes` (name -> list), `mouth_open`, head pose, breath."""
        rate = self.frame_rate

        def listed(values: FloatArray) -> list[float]:
            return [round(float(v), 5) for v in values]

        return {
            "frame_rate": rate.numerator if rate.denominator == 1 else float(rate),
            "frames": len(self),
            "seconds": round(self.seconds, 4),
            "blendshapes": {name: listed(self.curve(name)) for name in BLENDSHAPES},
            "mouth_open": listed(self.mouth_open),
            "head_rotation": np.round(self.head_rotation.astype(float), 4).tolist(),
            "head_translation": np.round(self.head_translation.astype(float), 5).tolist(),
            "breath": listed(self.breath),
        }
