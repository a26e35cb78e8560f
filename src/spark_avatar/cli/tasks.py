"""`spark-avatar tasks`: a look at the task store, and an end for a task."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_store_settings

if TYPE_CHECKING:
    from spark_avatar.tasks.store import TaskStore
    from spark_avatar.tasks.task import Task

cli = typer.Typer(help="Look at tasks and cancel them; works beside a running server.", no_args_is_help=True)


def _store(data_dir: DataDir) -> "TaskStore":
    from spark_avatar.app.openings import open_tasks

    return open_tasks(load_store_settings(data_dir))


def _row(task: "Task") -> dict[str, object]:
    return {
        "id": task.id,
        "status": task.status.value,
        "progress": round(task.progress, 3),
        "stage": task.stage,
        "attempts": task.attempts,
        "created_at": task.created_at.isoformat(),
        "ended_at": task.ended_at.isoformat() if task.ended_at else None,
        "error": {"code": task.failure.code, "message": task.failure.message} if task.failure else None,
    }


@cli.command("list")
def list_tasks(
    account: Annotated[str, typer.Option(help="Whose tasks.")] = "default",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    data_dir: DataDir = None,
    json_output: JsonOutput = False,
) -> None:
    """Show an account's tasks, newest first."""
    from spark_avatar.app.openings import check_account
    from spark_avatar.schemas.identity import AccountId

    rows = [_row(task) for task in _store(data_dir).recent(AccountId(account), limit=limit)]
    if not rows:
        check_account(load_store_settings(data_dir), account)
    if json_output:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        error = row["error"]
        typer.echo(f"{row['id']}  {row['status']:<9}  {row['created_at']}  {error['message'] if isinstance(error, dict) else ''}")


@cli.command("show")
def show(task_id: Annotated[str, typer.Argument()], data_dir: DataDir = None) -> None:
    """Show one task as JSON."""
    from spark_avatar.tasks.task import TaskId

    typer.echo(json.dumps(_row(_store(data_dir).get(TaskId(task_id))), indent=2))


@cli.command("cancel")
def cancel(task_id: Annotated[str, typer.Argument()], data_dir: DataDir = None) -> None:
    """End a task that waits or runs; its worker stops at its next checkpoint."""
    from spark_avatar.app.openings import open_task_service

    task, ended_now = open_task_service(load_store_settings(data_dir)).cancel(task_id, caller=None)
    typer.echo(f"cancelled {task.id}" if ended_now else f"{task.id} had ended already: {task.status.value}", err=True)
