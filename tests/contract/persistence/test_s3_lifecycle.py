"""The lifecycle policy of the documentation, given to a store that speaks S3."""

import json
import re
from pathlib import Path

import pytest
from s3_server import s3_server

from spark_avatar.config import Settings
from spark_avatar.storage.keys import account_prefixes
from spark_avatar.tasks.task import AccountId

DOCUMENT = Path(__file__).parents[3] / "docs" / "scaling.md"


@pytest.fixture(scope="module")
def policy():
    (found,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return json.loads(found)


def test_a_store_takes_it(policy):
    with s3_server() as server:
        bucket = server.new_bucket()
        server.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=policy)
        kept = server.client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [(rule["ID"], rule["Filter"], rule.get("Expiration")) for rule in kept] == [
        (rule["ID"], rule["Filter"], rule.get("Expiration")) for rule in policy["Rules"]
    ]


def test_one_rule_covers_each_kind_of_file_and_leaves_the_servers_a_day(policy):
    days = {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in policy["Rules"] if "Expiration" in rule}
    kinds = {prefix.split("/")[0] + "/" for prefix in account_prefixes(AccountId("any"))}
    assert days.keys() == kinds
    settings = Settings()
    assert days["outputs/"] > settings.keep_days
    assert all(days[kind] * 24 > settings.keep_input_hours for kind in ("inputs/", "uploads/"))


def test_the_parts_of_dead_uploads_are_removed_wherever_they_are(policy):
    (rule,) = (rule for rule in policy["Rules"] if "AbortIncompleteMultipartUpload" in rule)
    assert (rule["Filter"]["Prefix"], rule["Status"]) == ("", "Enabled")
