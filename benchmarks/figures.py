"""A measured figure, how it is printed, and how memory is read."""

import os
import platform
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Figure:
    """One line of the results."""

    name: str
    value: float
    unit: str
    target: str = ""


def table(title: str, figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [f"| {f.name} | {f.value:.3g} {f.unit} | {f.target} |" for f in figures]
    return "\n".join([f"### {title}", "", "| what | measured | target |", "| --- | --- | --- |", *rows, ""])


def machine() -> str:
    """The machine in one line."""
    memory = psutil.virtual_memory().total / 2**30
    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def child_peak_megabytes(process: subprocess.Popen[str]) -> float:
    """Highest resident memory of a child process until it ends, sampled every 20 ms, in MB."""
    peak = 0.0
    child = psutil.Process(process.pid)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            try:
                peak = max(peak, child.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    while process.poll() is None:
        time.sleep(0.02)
    done.set()
    watcher.join()
    return peak
