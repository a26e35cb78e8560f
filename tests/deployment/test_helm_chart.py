"""The Helm chart: rendered, checked against Kubernetes' own schemas, and its query asked of a real database."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import kubernetes_validate
import pytest
import yaml
from chart import CHART, UnknownConstruct, render, render_text, values

from spark_avatar.config import Settings

VARIANTS = {
    "as it comes": {},
    "without autoscaling": {"autoscaling__enabled": False},
    "with an ingress": {"ingress__enabled": True, "ingress__className": "nginx", "ingress__tlsSecret": "tls"},
    "on chosen nodes": {
        "worker__nodeSelector": {"pool": "gpu"},
        "worker__tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "serviceAccount__annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/avatar"},
    },
}
EVERY_VARIANT = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)


def one(objects, kind, name):
    (found,) = (item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)
    return found


@EVERY_VARIANT
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_object_fits_kubernetes_schema(changes, version):
    checked = 0
    for item in render(**changes):
        if not item["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(item, version, strict=True)
            checked += 1
    assert checked >= 6


def test_the_schemas_refuse_what_is_wrong():
    deployment = one(render(), "Deployment", "prod-api")
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


@EVERY_VARIANT
def test_what_objects_name_is_there(changes):
    objects = render(**changes)
    services = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Service"}
    accounts = {item["metadata"]["name"] for item in objects if item["kind"] == "ServiceAccount"}
    settings = {item["metadata"]["name"] for item in objects if item["kind"] == "ConfigMap"}
    pods = [item["spec"]["template"] for item in objects if item["kind"] == "Deployment"]
    for pod in pods:
        spec = pod["spec"]
        assert spec["serviceAccountName"] in accounts
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert {source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source} <= settings
    for item in objects:
        if item["kind"] in ("Service", "PodDisruptionBudget"):
            wanted = item["spec"]["selector"]
            wanted = wanted.get("matchLabels", wanted)
            assert sum(wanted.items() <= pod["metadata"]["labels"].items() for pod in pods) == 1
        if item["kind"] == "Deployment":
            assert item["spec"]["selector"]["matchLabels"].items() <= item["spec"]["template"]["metadata"]["labels"].items()
        if item["kind"] == "Ingress":
            assert item["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] in services
        if item["kind"] == "ScaledObject":
            target = one(objects, "Deployment", item["spec"]["scaleTargetRef"]["name"])
            assert "replicas" not in target["spec"], "it would fight with the autoscaler at every upgrade"
            login = item["spec"]["triggers"][0]["authenticationRef"]["name"]
            assert one(objects, "TriggerAuthentication", login)


def test_without_autoscaling_there_is_a_fixed_number_of_workers():
    objects = render(autoscaling__enabled=False, autoscaling__replicas=7)
    assert one(objects, "Deployment", "prod-worker")["spec"]["replicas"] == 7
    assert not [item for item in objects if item["apiVersion"].startswith("keda.sh/")]


def test_a_worker_drains_before_kubernetes_kills_it():
    pod = one(render(), "Deployment", "prod-worker")["spec"]["template"]["spec"]
    drain = int(next(entry["value"] for entry in pod["containers"][0]["env"] if entry["name"] == "SPARK_AVATAR_DRAIN_SECONDS"))
    assert pod["terminationGracePeriodSeconds"] >= drain + 15
    api = one(render(), "Deployment", "prod-api")["spec"]["template"]["spec"]
    assert api["terminationGracePeriodSeconds"] > Settings.model_fields["drain_seconds"].default


@EVERY_VARIANT
def test_settings_are_ones_that_the_program_has(changes):
    objects = render(**changes)
    names = set(one(objects, "ConfigMap", "prod-settings")["data"])
    names |= set(re.findall(r"SPARK_AVATAR_[A-Z_]+[A-Z]", (CHART / "values.yaml").read_text()))
    known = {f"SPARK_AVATAR_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in names if name.startswith("SPARK_AVATAR_")} <= known


@EVERY_VARIANT
def test_helm_finds_no_fault_and_renders_the_same(changes, tmp_path):
    if (helm := shutil.which("helm")) is None:
        pytest.skip("Helm itself is not tested: it is not installed")
    chosen = tmp_path / "values.yaml"
    chosen.write_text(yaml.safe_dump(values(**changes)))
    subprocess.run([helm, "lint", "--strict", CHART, "--values", chosen], check=True, capture_output=True)
    command = [helm, "template", "prod", CHART, "--values", chosen]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert by_name(filter(None, yaml.safe_load_all(told))) == by_name(render(**changes))


def by_name(objects):
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


def test_a_template_that_cannot_be_rendered_here_is_told():
    with pytest.raises(UnknownConstruct):
        render_text('{{ include "x" . }}', {".Values": {}, ".Release": {}})
    with pytest.raises(KeyError):
        render_text("{{ .Values.nothing }}", {".Values": {}, ".Release": {}})


def test_the_charts_version_is_the_programs():
    import spark_avatar

    chart, values = (yaml.safe_load((CHART / name).read_text()) for name in ("Chart.yaml", "values.yaml"))
    assert chart["appVersion"] == values["image"]["tag"] == spark_avatar.__version__


class TestTheQuery:
    """What KEDA asks gives what `/metrics` says."""

    @pytest.fixture
    def database(self, postgresql_url):
        from spark_avatar.database.engine import open_database

        engine = open_database(postgresql_url)
        yield engine
        engine.dispose()

    def ask(self, database, engine="portrait"):
        from sqlalchemy import text

        trigger = one(render(autoscaling__engine=engine), "ScaledObject", "prod-worker")["spec"]["triggers"][0]
        with database.connect() as connection:
            rows = connection.execute(text(trigger["metadata"]["query"].replace(":", "\\:"))).all()
        assert len(rows) == 1
        return rows[0][0]

    def test_it_counts_tasks_and_segments_that_wait_or_run(self, database):
        from spark_avatar.tasks.segments import Segment
        from spark_avatar.tasks.sql.demand import SqlDemandMeter
        from spark_avatar.tasks.sql.segments import SqlSegmentStore
        from spark_avatar.tasks.sql.store import SqlTaskStore
        from spark_avatar.tasks.task import AccountId, Task, TaskFailure, TaskId, TaskRequest

        tasks, segments, meter = SqlTaskStore(database), SqlSegmentStore(database), SqlDemandMeter(database)
        now = datetime.now(UTC)
        later = now + timedelta(minutes=1)
        assert (self.ask(database), meter.by_engine()) == (0, {})
        request = TaskRequest("m", "https://a/p.jpg", "https://a/s.wav")
        for number, engine in enumerate(["portrait", "portrait", "portrait", "gpu", ""]):
            task = Task(
                TaskId(f"t{number}"), AccountId("a"), "k", request, created_at=now - timedelta(seconds=50 - number), engine=engine
            )
            tasks.add(task)
        held = tasks.claim_next("w1", now=now, lease_until=later)
        assert self.ask(database) == 4  # three, of which one runs, and the one of an old release
        found = meter.by_engine(now)
        assert {engine: demand.workers for engine, demand in found.items()} == {"portrait": 3, "gpu": 1, "": 1}
        assert found["portrait"].oldest_seconds == pytest.approx(49, abs=0.1)
        segments.plan(held, [Segment(held.id, n, held.account_id, "portrait", 1, n, n + 1, now) for n in range(5)])
        segments.claim_of(held.id, "w1", lease_until=later)  # the holder's own: the same worker
        segments.claim_next("w2", now=now, lease_until=later, in_turn=False)
        assert self.ask(database) == 4 + 3 + 1
        assert meter.by_engine()["portrait"].workers == 3 + 3 + 1
        assert self.ask(database, "gpu") == 1 + 1
        tasks.fail(held.id, held.claim, TaskFailure("003016095", "x"), metadata={}, now=now)
        assert self.ask(database) == 3
        assert meter.by_engine()["portrait"].workers == 2
