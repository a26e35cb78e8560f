"""What starts fast must not load what starts slowly."""

import subprocess
import sys

import pytest

HEAVY = {"cv2", "mediapipe", "onnxruntime", "av", "scipy", "skimage", "matplotlib"}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("spark_avatar.cli.app", HEAVY | {"fastapi", "sqlalchemy", "numpy", "pydantic"}),
        ("spark_avatar.app.services", HEAVY | {"botocore"}),
        ("spark_avatar", HEAVY | {"numpy"}),
        # SciPy takes a tenth of a job's set-up to import, HTTP clients as much: rendering here needs neither.
        ("spark_avatar.engines.portrait.engine", {"mediapipe", "scipy", "skimage", "matplotlib", "httpx"}),
        ("spark_avatar.wiring", HEAVY | {"httpx"}),
    ],
)
def test_importing_it_loads_nothing_heavy(module: str, forbidden: set[str]) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert not loaded & forbidden


def test_the_face_analysis_works_without_what_the_lock_leaves_out() -> None:
    """jax, sentencepiece, sounddevice, matplotlib and the windowed OpenCV are not in the lock, though mediapipe names them."""
    code = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'sentencepiece', 'sounddevice', 'matplotlib'): sys.modules[name] = None\n"
        "from skimage import data\n"
        "from spark_avatar.face.analyzer import FaceAnalyzer\n"
        "print(FaceAnalyzer().analyze(data.astronaut()).landmarks.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "(478, 3)" in done.stdout
