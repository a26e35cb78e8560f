"""Benchmarks and scripts run for minutes or hours, too long for a test; what they are made of must still be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMPORT_ALL = """
import importlib, sys, traceback

missing = 0
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        missing += 1
        traceback.print_exc()
sys.exit(missing)
"""


@pytest.mark.parametrize("folder", ["benchmarks", "scripts"])
def test_every_program_finds_what_it_imports(folder):
    """All of a folder in one process: most of its time would go into starting many."""
    places = os.pathsep.join(str(ROOT / place) for place in ("tests", "tests/integration", folder))
    programs = sorted(path.stem for path in (ROOT / folder).glob("*.py"))
    assert programs
    command = [sys.executable, "-c", IMPORT_ALL, *programs]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": places}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
