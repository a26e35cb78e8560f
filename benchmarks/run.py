"""Runs the benchmarks and prints their figures as Markdown.   python benchmarks/run.py [render] [stages] [service]"""

import sys

import figures
import render
import service
import stages

SUITES = {
    "render": ("Rendering", render.measure),
    "stages": ("Rendering by stage, processor time on one core", stages.measure),
    "service": ("Service", service.measure),
}


def main() -> None:
    """Runs the suites that are named, or all."""
    print(f"Machine: {figures.machine()}\n")
    for name in sys.argv[1:] or SUITES:
        title, measure = SUITES[name]
        print(figures.table(title, measure()), flush=True)


if __name__ == "__main__":
    main()
