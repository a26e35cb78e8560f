"""What `spark-avatar doctor --audit` looks at."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from spark_avatar.config import Settings

_MOST_SHOWN = 50


def audit(settings: "Settings", *, sweep: bool) -> None:
    """Prints what does not fit together; ends with 1 where there is anything."""
    from spark_avatar.app.openings import open_audit

    checks = open_audit(settings)
    if sweep:
        removed = checks.files.sweep()
        typer.echo(f"removed  {len(removed)} files that belonged to no task")
    found = checks.faults()
    for name, faults in found.items():
        for fault in faults[:_MOST_SHOWN]:
            typer.echo(f"FAULT    {name:<8} {fault}")
        if len(faults) > _MOST_SHOWN:
            typer.echo(f"FAULT    {name:<8} and {len(faults) - _MOST_SHOWN} more")
        if not faults:
            typer.echo(f"ok       {name}")
    if any(found.values()):
        raise typer.Exit(1)
