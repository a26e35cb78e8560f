import subprocess
import sys

import pytest
from plain_engine import PlainEngine, PlainOptions

from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.errors import ConfigurationError


def test_the_portrait_engine_is_installed():
    assert "portrait" in EngineRegistry().names()


def test_an_engine_is_built_once_and_only_when_it_is_needed():
    built = []
    registry = EngineRegistry({"plain": lambda: built.append(PlainEngine()) or built[-1]})
    assert "plain" in registry.names()
    assert built == []
    assert registry.engine("plain") is registry.engine("plain") is built[0]
    assert registry.options("plain") is PlainOptions
    assert len(built) == 1


def test_an_engine_that_nobody_has_installed():
    with pytest.raises(ConfigurationError, match=r"'paint'.*portrait"):
        EngineRegistry().engine("paint")
    with pytest.raises(ConfigurationError):
        EngineRegistry().options("paint")


def test_an_engine_that_cannot_be_loaded():
    def broken():
        raise ImportError("libGL.so.1: cannot open shared object file")

    with pytest.raises(ConfigurationError, match="'broken' cannot be loaded"):
        EngineRegistry({"broken": broken}).engine("broken")


def test_reading_the_portrait_engines_options_loads_no_heavy_library():
    code = (
        "import sys\n"
        "from spark_avatar.engines.registry import EngineRegistry\n"
        "options = EngineRegistry().options('portrait')\n"
        "assert options().fps == 25\n"
        "print(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert not loaded & {"cv2", "mediapipe", "av", "PIL", "onnxruntime", "scipy", "numpy"}
