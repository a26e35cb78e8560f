"""What the workers of one long recording share: the portrait, the plan of the motion, and the parts that are done."""

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from spark_avatar.animation.track_bytes import pack_track, unpack_track
from spark_avatar.engines.engine import MotionPlan
from spark_avatar.media.image import read_image, write_image
from spark_avatar.media.quality import QualityWarning
from spark_avatar.provenance.provenance import Origin
from spark_avatar.storage.keys import work_key
from spark_avatar.storage.storage import ObjectKey, Storage
from spark_avatar.tasks.segments import Segment
from spark_avatar.tasks.task import Task

_IMAGE: Final = "image-{}"
_FIRST_FRAME: Final = "first-{}.png"
_PLAN: Final = "plan-{}.json"


@dataclass(frozen=True)
class SegmentFiles:
    """Files of segments in storage, under the task's own prefix. Every attempt has its own keys, so that a late worker never
    overwrites another's.
    """

    storage: Storage

    def keep_plan(self, task: Task, attempt: int, plan: MotionPlan, origin: Origin, image: Path, scratch: Path) -> None:
        """Stores what workers need to render a part. `scratch` is an existing folder."""
        document = {
            "track": base64.b64encode(pack_track(plan.track)).decode(),
            "compute_units": plan.compute_units,
            "source_type": plan.source_type,
            "diagnostics": plan.diagnostics,
            "warnings": [[warning.code, warning.message] for warning in plan.warnings],
            "origin": asdict(origin),
        }
        first_frame = scratch / "first.png"
        write_image(first_frame, plan.first_frame)
        for name, content in ((_IMAGE, image), (_FIRST_FRAME, first_frame), (_PLAN, json.dumps(document).encode())):
            self.storage.put(work_key(task.account_id, task.id, name.format(attempt)), content)

    def drop_plan(self, task: Task, attempt: int) -> None:
        """Removes what `keep_plan` stored."""
        for name in (_IMAGE, _FIRST_FRAME, _PLAN):
            self.storage.delete(work_key(task.account_id, task.id, name.format(attempt)))

    def plan(self, segment: Segment, scratch: Path) -> tuple[MotionPlan, Origin]:
        """The plan that a segment is a part of, exact to the bit, and which video it is. The pauses have done their work and are
        left out.
        """
        document = json.loads(self._fetch(self._shared(segment, _PLAN), scratch / "plan.json").read_bytes())
        first_frame = read_image(self._fetch(self._shared(segment, _FIRST_FRAME), scratch / "first.png"))
        plan = MotionPlan(
            track=unpack_track(base64.b64decode(document["track"])),
            pauses=(),
            first_frame=first_frame,
            compute_units=document["compute_units"],
            source_type=document["source_type"],
            diagnostics=document["diagnostics"],
            warnings=tuple(QualityWarning(code, message) for code, message in document["warnings"]),
        )
        return plan, Origin(**document["origin"])

    def fetch_image(self, segment: Segment, target: Path) -> Path:
        """The portrait, as the worker that planned got it."""
        return self._fetch(self._shared(segment, _IMAGE), target)

    def fetch_part(self, segment: Segment, target: Path) -> Path:
        """The video of a segment that is done."""
        return self._fetch(part_key(segment), target)

    @staticmethod
    def _shared(segment: Segment, name: str) -> ObjectKey:
        return work_key(segment.account_id, segment.task_id, name.format(segment.plan_attempt))

    def _fetch(self, key: ObjectKey, target: Path) -> Path:
        with target.open("wb") as file:
            for chunk in self.storage.read(key, 0, self.storage.head(key).size):
                file.write(chunk)
        return target


def part_key(segment: Segment) -> ObjectKey:
    """Where the video of a segment's attempt lies."""
    return work_key(segment.account_id, segment.task_id, f"part-{segment.number}-{segment.attempts}.mp4")
