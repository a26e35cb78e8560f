"""Task records as JSON."""

import json
from datetime import UTC, datetime, timedelta

from spark_avatar.api.stream import cursor_of
from spark_avatar.api.task_view import view_task
from spark_avatar.schemas.identity import AccountId, TaskId
from spark_avatar.tasks.task import Task, TaskFailure, TaskOutput, TaskRequest, TaskStatus, TaskUsage

CREATED = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def record(**changes: object) -> Task:
    request = TaskRequest("m", "https://example.com/i", "https://example.com/a", ignored=("mood",))
    return Task(
        **{"id": TaskId("t"), "account_id": AccountId("a"), "key_id": "k", "request": request, "created_at": CREATED, **changes}  # type: ignore[arg-type]
    )


def wire(task: Task) -> dict[str, object]:
    return json.loads(view_task(task, link=lambda key: f"https://host/{key}").to_json())


def test_a_queued_task_holds_nothing_that_is_not_known_yet() -> None:
    assert wire(record()) == {
        "id": "t",
        "model": "m",
        "created_at": 1767323045,
        "status": "in_progress",
        "progress": 0.0,
        "metadata": {"ignored": ["mood"]},
    }


def test_a_completed_task_is_whole() -> None:
    task = record(
        status=TaskStatus.COMPLETED,
        progress=1.0,
        uploaded_at=CREATED + timedelta(seconds=2.5),
        started_at=CREATED + timedelta(seconds=1),
        ended_at=CREATED + timedelta(seconds=9.1234),
        outputs=(TaskOutput("outputs/a/t/1.mp4", "video/mp4", 12345, "job", 8.8, 512, 512),),
        usage=TaskUsage(cost="0.0420", discount=1, compute_units=7),  # type: ignore[arg-type]
        metadata={"completed_at": "a lie", "engine": "portrait"},
    )
    found = wire(task)
    assert found["output"] == [
        {
            "content": [
                {"type": "video", "url": "https://host/outputs/a/t/1.mp4", "size": 12345, "jobId": "job", "duration": "8.80"}
            ]
        }
    ]
    assert found["usage"] == {
        "cost": "0.0420",
        "discount": 1.0,
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 7,
        "generated_videos": 1,
        "generated_images": 0,
    }
    assert found["metadata"] == {
        "engine": "portrait",
        "upload_at": 2.5,
        "in_queue_at": 1.0,
        "completed_at": 9.123,
        "ignored": ["mood"],
    }
    assert "progress" not in found
    assert "error" not in found


def test_a_failed_task_says_why_and_shows_no_output() -> None:
    found = wire(record(status=TaskStatus.FAILED, progress=0.4, failure=TaskFailure("003016014", "No face.")))
    assert found["error"] == {"code": "003016014", "error_message": "No face.", "message": "No face."}
    assert found.keys() & {"output", "usage", "progress"} == set()


def test_cursors_grow_with_the_task() -> None:
    life = [
        record(),
        record(started_at=CREATED, status=TaskStatus.RUNNING),
        record(started_at=CREATED, uploaded_at=CREATED, progress=0.05, status=TaskStatus.RUNNING),
        record(started_at=CREATED, uploaded_at=CREATED, progress=0.0501, status=TaskStatus.RUNNING),
        record(started_at=CREATED, uploaded_at=CREATED, progress=0.99, status=TaskStatus.RUNNING),
        record(started_at=CREATED, uploaded_at=CREATED, progress=1.0, status=TaskStatus.COMPLETED),
    ]
    cursors = [cursor_of(task) for task in life]
    assert cursors == sorted(set(cursors))
    assert cursors[0] > 0
