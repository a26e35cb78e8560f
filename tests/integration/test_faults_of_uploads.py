"""A worker is killed while its video is on the way to S3."""

import pytest
from fleet_house import Fleet
from fleet_servers import Wire, eventually

pytestmark = pytest.mark.slow
SENT = 6_000_000
"""Bytes of the upload that arrive; it has 16 million."""


def test_a_worker_killed_in_the_middle_of_an_upload_leaves_no_part_of_a_video(fleet: Fleet):
    pytest.importorskip("moto", reason="uploads to S3 are not tested: moto is not installed")
    from s3_server import ENVIRONMENT, s3_server

    with s3_server() as s3:
        bucket, wire = s3.new_bucket(), Wire(s3.port)
        common = {**ENVIRONMENT, "SPARK_AVATAR_STORAGE_URL": f"s3://{bucket}", "SPARK_AVATAR_STORAGE_RETRY_SECONDS": "60"}
        direct, slow = ({**common, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"} for port in (s3.port, wire.port))
        # A queue of their own, so that the workers with another storage take no part.
        engines = {"SPARK_AVATAR_DEFAULT_ENGINE": "fleet2"}
        server, doomed = fleet.server(**direct, **engines), fleet.worker(engines="fleet2", **slow, **engines)
        fleet.wait_for_workers(3)
        (task,) = fleet.submit(1, server=server, mode="heavy-gate", name="upload", seconds=0.1)
        fleet.gate("upload")
        wire.freeze_after(SENT)
        fleet.open_gate("upload")
        eventually(lambda: not wire.flows, "the upload has stopped half way")
        doomed.kill_all()
        assert [key for key in s3.keys(bucket) if key.startswith("outputs/") and key.endswith(".mp4")] == []
        wire.close()
        heir = fleet.worker(engines="fleet2", **direct, **engines)
        fleet.settle([task])
        videos = [key for key in s3.keys(bucket) if key.startswith("outputs/") and key.endswith(".mp4")]
        assert videos == [output["key"] for output in fleet.row(task)["outputs"]["content"]]
        assert fleet.row(task)["attempts"] == 2
        fleet.retire(server, heir)
        fleet.machines.remove(doomed)
