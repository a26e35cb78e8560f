"""Finished frames."""

from dataclasses import replace

import cv2
import numpy as np
import painted_portrait as paint
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.portrait_rig import build_rig
from spark_avatar.engines.portrait.rim import END, PERSON
from spark_avatar.engines.portrait.setting import Backdrop
from spark_avatar.engines.portrait.warp import determinant
from spark_avatar.face.rig import FaceDiagnostics, FaceRig, HeadPose


def difference(a, b):
    return np.abs(a.astype(int) - b).max(axis=2)


def above_the_mouth(rig):
    """Where closing the portrait's own mouth moves nothing."""
    x0, y0, _, y1 = rig.canvas.window
    bridge = rig.canvas.points[6, 1] + y0
    mask = np.zeros(rig.canvas.base.shape[:2], bool)
    mask[: int(bridge)] = True
    mask[y1:] = True
    mask[:, :x0] = True
    return mask


def test_at_rest_a_closed_portrait_is_the_picture_itself(painted_face, pose):
    changed = difference(Compositor(build_rig(painted_face, (512, 512))).frame(pose()), painted_face.image)
    assert changed.max() <= 6  # where the two layers meet, at the lips' line
    assert (changed > 2).sum() < 20


def test_at_rest_only_the_mouth_differs(rig, compositor, pose, astronaut):
    changed = difference(compositor.frame(pose()), astronaut.image)
    assert changed[above_the_mouth(rig)].max() <= 2
    x, y = rig.mouth.centre + rig.canvas.window[:2]
    assert changed[int(y) - 4 : int(y) + 5, int(x) - 10 : int(x) + 11].max() > 40  # her teeth are covered


@pytest.mark.parametrize("rotation", [(6, 0, 0), (-6, 4, 5), (0, -5, -5)])
def test_background_stands_still(rig, compositor, pose, rotation):
    frame = compositor.frame(pose(rotation=rotation, translation=(0.03, 0.02, -0.03), breath=1.0, open=0.2, jaw=0.1))
    x0, y0, x1, y1 = rig.canvas.window
    near = np.zeros(frame.shape[:2], np.uint8)
    near[y0:y1, x0:x1] = rig.canvas.matte > PERSON
    reach = 2 * int((END + 0.1) * rig.canvas.eye_distance) + 3
    far = cv2.dilate(near, np.ones((reach, reach), np.uint8)) == 0
    assert far.mean() > 0.3
    assert (frame[far] == rig.canvas.base[far]).all()
    assert difference(frame, rig.canvas.base).max() > 60


@pytest.mark.parametrize("rotation", [(10, 0, 0), (0, -10, 0), (0, 0, 8), (8, 8, -8)])
def test_background_is_stretched_and_never_torn(rig, compositor, pose, rotation):
    # Where it gives way, neighbouring pixels come from neighbouring places, in the same order.
    transform = rig.head.transform(np.array(rotation, np.float32), np.float32([0.06, 0, 0]))
    moved = rig.body.displacement(transform, 1.0, None)
    assert determinant(moved, rig.body_lattice.step).min() > 0.1


def test_person_moves_in_front_of_what_was_hidden(rig, compositor, pose):
    # Tilting the head uncovers background left of the hair, which is darker than it.
    x0, y0, x1, _ = rig.canvas.window
    person = (rig.canvas.matte[:80] > 0.9).astype(np.uint8)
    rim = (person == 1) & (cv2.erode(person, np.ones((5, 5), np.uint8)) == 0)
    uncovered = rim & (np.arange(x1 - x0) < rig.canvas.points[10, 0] - 20)
    assert uncovered.sum() > 50
    before, after = (
        picture[y0 : y0 + 80, x0:x1][uncovered].mean()
        for picture in (rig.canvas.base, compositor.frame(pose(rotation=(0, 0, 6))))
    )
    assert after > before + 20


@pytest.fixture(scope="module")
def lips_gap(analyzer, rig):
    """Measures the inner-lip gap on a frame, in E, as a stranger would: with the face mesh."""

    def measure(frame):
        points = analyzer.analyze(frame).landmarks
        return float((points[14, :2] - points[13, :2]) @ rig.mouth.down) / rig.canvas.eye_distance

    return measure


def test_closed_lips_are_closed(compositor, pose, lips_gap):
    assert abs(lips_gap(compositor.frame(pose()))) < 0.02
    assert abs(lips_gap(compositor.frame(pose(width=-0.12)))) < 0.02
    pressed = pose(upper_thickness=-0.02, lower_thickness=-0.02, upper_raise=-0.02, lower_drop=-0.02)
    assert abs(lips_gap(compositor.frame(pressed))) < 0.02


def test_gap_on_the_frame_follows_the_curve(compositor, pose, lips_gap):
    asked = [0.05, 0.1, 0.15, 0.2, 0.25]
    seen = [
        lips_gap(compositor.frame(pose(jaw=0.55 * gap, open=gap, lower_drop=0.3 * gap, upper_raise=0.15 * gap))) for gap in asked
    ]
    assert seen == sorted(seen)
    np.testing.assert_allclose(seen, asked, atol=0.035)


@pytest.mark.parametrize(
    ("rotation", "angle"),
    [
        ((6, 0, 0), "yaw"),
        ((10, 0, 0), "yaw"),
        ((0, -10, 0), "pitch"),
        ((-6, 0, 0), "yaw"),
        ((0, 5, 0), "pitch"),
        ((0, -5, 0), "pitch"),
        ((0, 0, 5), "roll"),
        ((0, 0, -5), "roll"),
    ],
)
def test_head_turns_the_way_that_it_is_told(analyzer, compositor, pose, rotation, angle):
    rest = analyzer.analyze(compositor.frame(pose())).pose
    turned = analyzer.analyze(compositor.frame(pose(rotation=rotation))).pose
    found = {name: getattr(turned, name) - getattr(rest, name) for name in ("yaw", "pitch", "roll")}
    asked = sum(rotation)
    assert 0.7 < found.pop(angle) / asked < 1.25
    assert max(abs(other) for other in found.values()) < 2.5


def test_nearer_is_larger_and_right_is_right(analyzer, compositor, pose):
    rest = analyzer.analyze(compositor.frame(pose()))
    near = analyzer.analyze(compositor.frame(pose(translation=(0, 0, -0.08))))
    assert near.eye_distance > 1.003 * rest.eye_distance
    right = analyzer.analyze(compositor.frame(pose(translation=(0.06, 0, 0))))
    moved = (right.landmarks - rest.landmarks)[:468, 0].mean() / rest.eye_distance
    assert moved == pytest.approx(0.06, abs=0.02)


def test_breathing_lifts_the_shoulders_and_not_the_head(rig, compositor, pose):
    out, in_ = compositor.frame(pose()), compositor.frame(pose(breath=1.0))
    _, y0, _, _ = rig.canvas.window
    chin = int(rig.canvas.points[152, 1] + y0)
    assert difference(in_, out)[: chin - 20].max() <= 2
    assert difference(in_, out)[chin + 40 :].max() > 20


def test_frames_do_not_depend_on_what_was_drawn_before(rig, pose):
    one, other = Compositor(rig), Compositor(rig)
    wanted = pose(open=0.1, jaw=0.06, lower_drop=0.04, blink_left=0.4, gaze_x=0.1, rotation=(2, 1, -2))
    first = one.frame(wanted)
    for disturbance in (pose(open=0.3, jaw=0.2, blink_left=1.0, blink_right=1.0), pose(rotation=(-5, 3, 4), gaze_x=-0.3)):
        other.frame(disturbance)
    assert (other.frame(wanted) == first).all()
    assert first.flags.c_contiguous
    assert first.dtype == np.uint8


@pytest.mark.parametrize("setting", ["kept", "no matte", "colour"])
def test_a_frame_drawn_over_an_earlier_one_is_the_same(astronaut, rig, pose, setting):
    # Frames are drawn over old ones: whatever any frame touches, every frame must draw again.
    others = {"no matte": (replace(astronaut, matte=None), None), "colour": (astronaut, Backdrop.of_colour("#00B140"))}
    chosen = rig if setting == "kept" else build_rig(others[setting][0], (512, 512), others[setting][1])
    wild = pose(open=0.36, jaw=0.22, lower_drop=0.14, width=0.15, rotation=(8, 8, 8), translation=(0.08, 0.08, -0.08), breath=1.0)
    wanted = pose(open=0.05, rotation=(-6, -4, 3), gaze_x=0.2)
    fresh, compositor = Compositor(chosen).frame(wanted), Compositor(chosen)
    old = compositor.frame(wild)
    again = compositor.frame(wanted, old)
    assert again is old
    assert (again == fresh).all()


@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5, 5.0, 10.0])
def test_what_is_left_out_of_small_motions_is_not_missed(astronaut, pose, turn):
    # After a wild frame, a calm one must also clear what the wild one had drawn.
    wild = pose(open=0.36, jaw=0.22, lower_drop=0.14, rotation=(10, 8, 8), translation=(0.08, 0.08, -0.08), breath=1.0)
    wanted = pose(open=0.02 * turn, jaw=0.015 * turn, rotation=(turn, -turn / 2, turn / 2), breath=turn / 10)
    rig = build_rig(astronaut, (512, 512), Backdrop.of_colour("#00B140"))
    assert len({drawing.strips for drawing in rig.drawings}) > 2
    whole, quick = Compositor(replace(rig, drawings=rig.drawings[-1:])), Compositor(rig)
    missed = difference(quick.frame(wanted, quick.frame(wild)), whole.frame(wanted))
    assert missed.max() <= 1  # a tile is solid from an opacity of 0.997 on


def test_eyes_open_again_to_the_picture(compositor, pose, rig):
    x0, y0, x1, y1 = (side // 2 for side in rig.eyes[0].box)
    before, shut = compositor.frame(pose()), compositor.frame(pose(blink_right=1.0))
    left, top = rig.canvas.window[:2]
    eye = np.s_[top + y0 : top + y1, left + x0 : left + x1]
    assert difference(shut[eye], before[eye]).max() > 60
    assert (compositor.frame(pose()) == before).all()


CURVES = {
    "jaw": (-0.03, 0.25), "open": (0, 0.4), "width": (-0.2, 0.2), "upper_raise": (-0.05, 0.11), "lower_drop": (-0.08, 0.22),
    "corner": (-0.16, 0.11), "upper_thickness": (-0.05, 0.05), "lower_thickness": (-0.05, 0.05), "tongue": (0, 1),
    "brow": (-1, 1), "brow_inner": (-1, 1), "lid_raise": (0, 1), "cheek_raise": (0, 1),
    "cheek_puff": (0, 1), "nose_wrinkle": (0, 1), "blink_right": (0, 1), "blink_left": (0, 1), "gaze_x": (-0.35, 0.35),
    "gaze_y": (-0.25, 0.25), "breath": (0, 1),
}  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.fixed_dictionaries({name: st.floats(*bounds) for name, bounds in CURVES.items()}),
    rotation=st.tuples(*[st.floats(-8, 8)] * 3),
)
def test_any_curves_give_frames_that_change_smoothly(compositor, rig, pose, values, rotation):
    frame = compositor.frame(pose(rotation=rotation, **values))
    assert frame.shape == rig.canvas.base.shape
    blinkless = {name: value for name, value in values.items() if not name.startswith(("blink", "gaze"))}  # those go in steps
    here = compositor.frame(pose(rotation=rotation, **blinkless))
    nudged = {name: value + 0.002 * (high - low) for (name, value), (low, high) in
              zip(blinkless.items(), (CURVES[name] for name in blinkless), strict=True)}  # fmt: skip
    there = compositor.frame(pose(rotation=rotation, **nudged))
    assert np.abs(there.astype(int) - here).mean() < 0.6


@pytest.mark.parametrize("box", [(20, 0, 421, 333), (100, 0, 400, 512), (130, 10, 330, 231)])
def test_other_frames_work_too(cropped, rigged, pose, box):
    face = cropped(*box)
    rig = rigged(face)
    frame = Compositor(rig).frame(pose(open=0.1, jaw=0.06, lower_drop=0.04, rotation=(4, 2, 3)))
    width, height = (box[2] - box[0]) // 2 * 2, (box[3] - box[1]) // 2 * 2
    assert frame.shape == (height, width, 3)
    assert difference(frame, face.image[:height, :width]).max() > 40
    still = Compositor(rig).frame(pose())
    assert difference(still, face.image[:height, :width])[above_the_mouth(rig)].max() <= 3


def test_picture_at_another_resolution_moves_alike(astronaut, analyzer, rigged, pose):
    wanted = pose(open=0.15, jaw=0.09, lower_drop=0.05, upper_raise=0.01, rotation=(3, 0, 3))
    small, large = (Compositor(rigged(astronaut, name)).frame(wanted) for name in ("360p", "720p"))
    assert large.shape == (720, 720, 3)
    shrunk = cv2.resize(large, (360, 360), interpolation=cv2.INTER_AREA)
    assert np.quantile(difference(shrunk, small), 0.98) < 16


def test_a_mouth_at_the_pictures_edge_has_no_second_opening(pose):
    # Closing lips leave room below the lower one, where this picture knows nothing.
    canvas = paint.painted_canvas(mouth_gap=0.16)
    cut = int(canvas.points[17, 1] + canvas.window[1]) + 3
    points = canvas.points + np.array([*canvas.window[:2], 0])
    diagnostics = FaceDiagnostics(1, (0.0, 0.0, 1.0, 1.0), 0.5, paint.E, HeadPose(0, 0, 0), 1.0, 1.0, 0.0)
    face = FaceRig(canvas.base[:cut], points, paint.E, np.eye(3), HeadPose(0, 0, 0), None, diagnostics)
    frame = Compositor(build_rig(face, (512, cut - cut % 2))).frame(pose())
    x = int(points[17, 0])
    assert frame[-25:, x - 40 : x + 41].mean(axis=2).min() > 80
