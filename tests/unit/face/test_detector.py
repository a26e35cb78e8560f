import numpy as np

from spark_avatar.face.detector import Detection, FaceDetector, merge


def detection(x: float, y: float, side: float, score: float) -> Detection:
    return Detection((x, y, side, side), score, np.array([[x, y], [x + side, y]]))


def test_two_boxes_of_one_face_become_the_surer_one():
    merged = merge([detection(100, 100, 90, 0.6), detection(105, 96, 100, 0.9)])
    assert [found.score for found in merged] == [0.9]


def test_a_box_inside_another_is_the_same_face():
    assert len(merge([detection(100, 100, 200, 0.8), detection(160, 160, 80, 0.7)])) == 1


def test_neighbours_stay_apart_and_the_largest_comes_first():
    merged = merge([detection(0, 0, 100, 0.95), detection(110, 0, 120, 0.7), detection(300, 0, 80, 0.8)])
    assert [found.box[2] for found in merged] == [120, 100, 80]


def test_the_box_lies_on_the_face(astronaut):
    detector = FaceDetector()
    (found,) = detector.detect(astronaut)
    detector.close()
    x, y, width, height = found.box
    assert found.score > 0.8
    assert x < 203 < 245 < x + width  # both eyes
    assert y < 101 < 150 < y + height  # eyes and mouth
    assert (found.eyes[0] < found.eyes[1]).any()


def test_a_large_picture_gives_the_same_box_in_its_own_pixels(astronaut):
    detector = FaceDetector()
    (small,) = detector.detect(astronaut)
    (large,) = detector.detect(astronaut.repeat(4, axis=0).repeat(4, axis=1))
    detector.close()
    centres = [np.array([found.box[0] + found.box[2] / 2, found.box[1] + found.box[3] / 2]) for found in (small, large)]
    np.testing.assert_allclose(centres[1] / 4, centres[0], atol=15)
    np.testing.assert_allclose(large.eyes / 4, small.eyes, atol=5)
