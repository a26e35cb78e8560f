"""The list of tasks, and one task."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The list and the detail page."""
    pages = APIRouter()

    @pages.get("/tasks")
    def show_all(request: Request) -> Response:
        return console.page(request, "tasks.html", title="Tasks", section="tasks")

    @pages.get("/tasks/{task_id}")
    def show_one(request: Request, task_id: str) -> Response:
        return console.page(request, "task.html", title="Task", section="tasks", task_id=task_id)

    return pages
