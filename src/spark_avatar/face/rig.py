"""What is known of a face: the carrier between analysis and rendering."""

from dataclasses import dataclass

from spark_avatar.media.arrays import Matte, Points, RGBImage
from spark_avatar.media.quality import QualityWarning


@dataclass(frozen=True)
class HeadPose:
    """Rotation of the head relative to the camera, in degrees; 0, 0, 0 looks straight into it.

    Positive yaw turns the face to the picture's right, positive pitch tips it down, positive roll tilts it clockwise as
    seen in the picture.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class FaceDiagnostics:
    """What can be said of the portrait before it is animated; stands in `metadata.face`."""

    faces: int
    """Number of people found; the largest is animated."""
    box: tuple[float, float, float, float]
    """x, y, width, height of the face in pixels of the image."""
    face_share: float
    """Height of the face over the height of the picture."""
    eye_distance: float
    """Distance of the outer eye corners in pixels of the image."""
    pose: HeadPose
    score: float
    """0..1, how sure the detector is."""
    plausibility: float
    """0..1, how likely the landmarks lie on a human face; animals and patterns score low."""
    mouth_gap: float
    """Inner-lip gap in outer-eye-corner distances: above 0.03 the mouth stands open."""


@dataclass(frozen=True, eq=False)
class FaceRig:
    """A portrait with everything that an engine may ask of the face in it.

    The unit of length `eye_distance` (E) is the distance of the outer eye corners of the fitted mean face in pixels,
    about 90 mm on an adult.
    """

    image: RGBImage
    landmarks: Points
    """(478, 3): MediaPipe face mesh with irises, in pixels of `image`."""
    eye_distance: float
    rotation: Points
    """(3, 3): the canonical (mean) face turned into this head's pose: image = E * rotation @ mean + translation."""
    pose: HeadPose
    matte: Matte | None
    """Same size as `image`; None where the segmentation cannot be trusted."""
    diagnostics: FaceDiagnostics
    warnings: tuple[QualityWarning, ...] = ()
