"""A face painted from the mean landmarks: every colour and place in it is known."""

from dataclasses import replace

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas
from spark_avatar.face.canonical import canonical_face
from spark_avatar.face.landmarks import (
    LEFT_EYE,
    LOWER_INNER,
    LOWER_MIDDLE,
    LOWER_OUTER,
    RIGHT_EYE,
    UPPER_INNER,
    UPPER_OUTER,
)

SIZE = 512
E = 150.0
SKIN = (205, 165, 145)
LIP = (185, 95, 95)
WHITE = (236, 232, 226)
IRIS = (35, 70, 170)
OWN_TEETH = (228, 214, 172)
THROAT = (40, 18, 18)


def landmarks(mouth_gap=0.0):
    """(478, 3) window pixels; the lower lip `mouth_gap` E below the upper one."""
    points = canonical_face().mean * E
    points[:, :2] += np.array([SIZE / 2, SIZE * 0.42]) - points[[33, 263], :2].mean(0)
    upper, lower = points[UPPER_INNER[5]], points[LOWER_INNER[5]]
    down = mouth_gap * E - (lower[1] - upper[1])
    moved = [*LOWER_INNER[1:-1], *LOWER_MIDDLE, *LOWER_OUTER[1:-1], 152, 148, 377, 175, 199, 200, 18]
    points[moved, 1] += down
    return points


def painted_canvas(mouth_gap=0.0, grey=False, eye_size=1.0, glasses=False, noise_seed=0):
    points = landmarks(mouth_gap)
    texture = np.full((SIZE * TEXTURE_SCALE, SIZE * TEXTURE_SCALE, 3), SKIN, np.uint8)
    _paint_mouth(texture, points, mouth_gap)
    for eye in (RIGHT_EYE, LEFT_EYE):
        _paint_eye(texture, points, eye, eye_size)
    if glasses:
        _paint_glasses(texture, points)
    grain = np.random.default_rng(noise_seed).integers(-2, 3, texture.shape[:2])[..., None]
    texture = np.clip(texture.astype(int) + grain, 0, 255).astype(np.uint8)
    if grey:
        texture = np.repeat(cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    base = cv2.resize(texture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return Canvas(
        base=base,
        window=(0, 0, SIZE, SIZE),
        texture=texture,
        points=points,
        eye_distance=E,
        rotation=np.eye(3),
        yaw=0.0,
        native_scale=2.0,
        grey=grey,
        matte=None,
    )


def blurred(canvas, sigma):
    """The same picture out of focus, `sigma` output pixels."""
    texture = cv2.GaussianBlur(canvas.texture, (0, 0), sigma * TEXTURE_SCALE)
    return replace(canvas, texture=texture, base=cv2.resize(texture, (SIZE, SIZE), interpolation=cv2.INTER_AREA))


def _texture_points(points, indices):
    return (points[list(indices), :2] + 0.5) * TEXTURE_SCALE - 0.5


def _fill(texture, polygon, colour):
    cv2.fillPoly(texture, [np.round(polygon * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def _paint_mouth(texture, points, gap):
    outer = np.concatenate([_texture_points(points, UPPER_OUTER), _texture_points(points, LOWER_OUTER)[::-1]])
    _fill(texture, outer, LIP)
    upper, lower = _texture_points(points, UPPER_INNER), _texture_points(points, LOWER_INNER)
    if gap <= 0:
        cv2.polylines(texture, [np.round(upper).astype(np.int32)], False, (110, 45, 45), 3, cv2.LINE_AA)
        return
    _fill(texture, np.concatenate([upper, lower[::-1]]), THROAT)
    teeth = np.minimum(upper + np.array([0, 0.07 * E * TEXTURE_SCALE]), np.maximum(upper, lower))
    _fill(texture, np.concatenate([upper, teeth[::-1]]), OWN_TEETH)


def _paint_eye(texture, points, eye, size):
    upper, lower = _texture_points(points, eye.upper), _texture_points(points, eye.lower)
    outline = np.concatenate([upper, lower[::-1]])
    middle = (outline.max(0) + outline.min(0)) / 2
    outline = middle + (outline - middle) * size
    inside = np.zeros(texture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 255)
    ball = np.full_like(texture, WHITE)
    iris = _texture_points(points, eye.iris)
    radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
    cv2.circle(ball, tuple(int(v) for v in np.round(iris[0])), round(float(radius) * 0.8), IRIS, -1, cv2.LINE_AA)
    texture[inside > 0] = ball[inside > 0]
    brow = np.concatenate([_texture_points(points, eye.brow), _texture_points(points, eye.brow_top)[::-1]])
    _fill(texture, brow, (70, 50, 40))


def _paint_glasses(texture, points):
    width = round(0.035 * E * TEXTURE_SCALE)
    for eye in (RIGHT_EYE, LEFT_EYE):
        corners = _texture_points(points, eye.upper)[[0, -1]]
        middle, reach = corners.mean(0), np.linalg.norm(corners[1] - corners[0])
        axes = (int(0.68 * reach), int(0.46 * reach))
        cv2.ellipse(texture, tuple(int(v) for v in middle), axes, 0, 0, 360, (15, 15, 18), width, cv2.LINE_AA)
    inner = [_texture_points(points, eye.upper)[i] for eye, i in ((RIGHT_EYE, -1), (LEFT_EYE, 0))]
    cv2.line(texture, *(tuple(int(v) for v in p) for p in inner), (15, 15, 18), width, cv2.LINE_AA)
