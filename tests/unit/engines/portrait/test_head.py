"""The head in three dimensions."""

from dataclasses import replace

import numpy as np
import pytest

from spark_avatar.engines.portrait.head import LEANING_SHARE
from spark_avatar.engines.portrait.portrait_rig import build_rig
from spark_avatar.engines.portrait.warp import determinant
from spark_avatar.face.landmarks import CHIN, OUTER_EYE_CORNERS

NOSE_TIP, NOSE_ROOT = 1, 168
STILL = np.zeros(3, np.float32)


def displacement(rig, rotation):
    transform = rig.head.transform(np.float32(rotation), STILL)
    return rig.face.displacement(transform, 0.0, None)


def at(rig, field, point):
    """A field's value at a landmark."""
    lattice = rig.face_lattice
    x, y = rig.canvas.points[point, :2]
    return field[round((y - lattice.top) / lattice.step), round((x - lattice.left) / lattice.step)]


def on_the_face(rig):
    """Nodes within the outline of the face."""
    x, y = rig.face_lattice.nodes()
    points = rig.canvas.points[:468, :2]
    middle, reach = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0) / 2
    return np.hypot((x - middle[0]) / reach[0], (y - middle[1]) / reach[1]) < 0.9


@pytest.mark.parametrize("rotation", [(10, 0, 0), (-10, 0, 0), (0, 10, 0), (0, -10, 0)])
def test_what_stands_out_moves_further(rig, rotation):
    moved = displacement(rig, rotation)
    axis = 0 if rotation[0] else 1
    sign = np.sign(sum(rotation))
    nose, root = at(rig, moved, NOSE_TIP)[axis] * sign, at(rig, moved, NOSE_ROOT)[axis] * sign
    corners = [at(rig, moved, corner)[axis] * sign for corner in OUTER_EYE_CORNERS]
    assert nose > 1.1 * np.mean(corners)
    assert nose > root > 0.9 * min(corners) > 0


@pytest.mark.parametrize("turn", [0.0, 25.0, -25.0])
@pytest.mark.parametrize("rotation", [(40, 0, 0), (-40, 0, 0), (0, 40, 0), (0, -40, 0), (30, -30, 30)])
def test_no_turn_folds_the_face_however_far_it_is_asked_to_go(astronaut, turn, rotation):
    rig = build_rig(turned(astronaut, turn), (512, 512))
    area = determinant(displacement(rig, rotation), rig.face_lattice.step)
    assert area[on_the_face(rig)].min() > 0.12


def test_what_lies_beyond_the_limits_is_told(rig):
    still, gentle = np.zeros((3, 3), np.float32), np.float32([[0, 0, 0], [2, -2, 1], [-2, 2, -1]])
    assert rig.head.beyond_limits(still, still) is None
    assert rig.head.beyond_limits(gentle, gentle / 100) is None
    turn, shift = gentle.copy(), still.copy()
    turn[1, 1], shift[2, 2] = -31, 0.2
    said = rig.head.beyond_limits(turn, shift)
    assert said.code == "track_beyond_range"
    assert "nod (pitch) reaches 31.0 degrees" in said.message
    assert "0.20 eye distances" in said.message
    assert "shift" not in rig.head.beyond_limits(turn, still).message
    assert "degrees" not in rig.head.beyond_limits(gentle, shift).message


def turned(face, degrees):
    """The face as if the mesh had found it turned: only its depths and their picture matter here."""
    angle = np.radians(degrees)
    centre = face.landmarks[:468].mean(0)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    landmarks = (face.landmarks - centre) @ turn.T + centre
    return replace(face, landmarks=landmarks, rotation=turn @ face.rotation, pose=replace(face.pose, yaw=face.pose.yaw + degrees))


def test_beyond_its_limit_a_turn_levels_off(rig):
    asked = [(degrees, 0, 0) for degrees in (2, 5, 8, 11, 15, 30)]
    nose = [at(rig, displacement(rig, rotation), NOSE_TIP)[0] for rotation in asked]
    assert nose == sorted(nose)
    assert nose[1] / nose[0] == pytest.approx(2.5, rel=0.05)
    assert nose[5] - nose[4] < 0.2 * (nose[1] - nose[0])


def test_nothing_moves_further_than_the_head_says_it_can(rig):
    furthest = rig.head.reach(rig.body)
    transform = rig.head.transform(np.float32([99, -99, 99]), np.float32([1, -1, 1]))
    assert np.abs(rig.body.displacement(transform, 1.0, None)).max() <= furthest


@pytest.mark.parametrize("box", [(150, 60, 300, 220), (100, 90, 420, 400), (165, 0, 400, 330)])
def test_a_head_that_the_frame_cuts_off_is_not_stretched(cropped, rigged, box):
    rig = rigged(cropped(*box))
    width, height = rig.canvas.size
    x, y = rig.face_lattice.nodes()
    seen = on_the_face(rig) & (x > 0) & (y > 0) & (x < width) & (y < height)
    for rotation in np.vstack([np.eye(3), -np.eye(3)]) * 12:
        area = determinant(displacement(rig, rotation), rig.face_lattice.step)[seen]
        assert area.min() > 0.15
        assert area.max() < 2.0


def test_what_lies_at_the_pictures_edge_slides_along_it_and_never_off_it(cropped, rigged):
    rig = rigged(cropped(190, 0, 420, 400))  # her right cheek is cut off
    moved = rig.body.displacement(rig.head.transform(np.float32([8, 8, 0]), STILL), 0.0, None)
    x, y = rig.body_lattice.nodes()
    edge = (np.abs(x) <= rig.body_lattice.step / 2) & (np.abs(y - rig.canvas.points[33, 1]) < 20)
    assert np.abs(moved[edge][:, 1]).min() > 3
    assert np.abs(moved[edge][:, 0]).max() < 0.35 * np.abs(moved[..., 0]).max()


@pytest.mark.parametrize(("matte", "share"), [(True, LEANING_SHARE), (False, 0.0)])
def test_who_leans_takes_the_shoulders_along_and_not_the_pictures_lower_edge(astronaut, matte, share):
    face = astronaut if matte else replace(astronaut, matte=None)
    rig = build_rig(face, (512, 512))
    moved = rig.body.displacement(rig.head.transform(STILL, np.float32([0.05, 0, 0])), 0.0, None)
    middle = round((rig.canvas.points[NOSE_TIP, 0] - rig.body_lattice.left) / rig.body_lattice.step)
    chin, nose = ((rig.canvas.points[point, 1] - rig.body_lattice.top) / rig.body_lattice.step for point in (CHIN, NOSE_TIP))
    below = round(chin + 1.3 * rig.canvas.eye_distance / rig.body_lattice.step)
    shift = 0.05 * rig.canvas.eye_distance
    assert moved[round(nose), middle, 0] == pytest.approx(shift, rel=0.02)
    assert moved[below, middle, 0] == pytest.approx(share * shift, abs=0.06 * shift)
    assert abs(moved[-2, middle, 0]) < 0.1 * shift
