from collections.abc import Iterator

import pytest
from skimage import data

from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import RGBImage


@pytest.fixture(scope="session")
def analyzer() -> Iterator[FaceAnalyzer]:
    analyzer = FaceAnalyzer()
    analyzer.warm_up()
    yield analyzer
    analyzer.close()


@pytest.fixture(scope="session")
def astronaut() -> RGBImage:
    """A portrait, 512 x 512: the face about 110 pixels high in the upper middle."""
    image: RGBImage = data.astronaut()
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def astronaut_rig(analyzer: FaceAnalyzer, astronaut: RGBImage) -> FaceRig:
    return analyzer.analyze(astronaut)
