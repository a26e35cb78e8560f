"""Makes docs/images/demo.jpg: moments of the demo, cropped to head and shoulders.   python scripts/make_readme_picture.py"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from spark_avatar import render
from spark_avatar.media.image import write_image
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.media.video import read_frames

TARGET = Path(__file__).parents[1] / "docs" / "images" / "demo.jpg"
SECONDS = (0.2, 0.6, 1.0, 2.9, 4.8, 6.3)
HEAD = np.s_[10:310, 90:360]


def main() -> None:
    """Renders the demo and writes the strip."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        video = render(sample_portrait(folder / "portrait.png"), sample_speech(), folder / "demo.mp4", seed=1).path
        wanted = {round(second * 25) for second in SECONDS}
        moments = [frame[HEAD] for number, frame in enumerate(read_frames(video)) if number in wanted]
    write_image(TARGET, np.hstack(moments))


if __name__ == "__main__":
    main()
