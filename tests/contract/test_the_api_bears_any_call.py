"""Every operation of our own OpenAPI document, with values that it allows and values that it does not, on a running server: never
a server error. schemathesis makes the calls, as many as fit into some seconds; the same ones each time.
"""

import itertools

import pytest
import schemathesis
from contract_house import House
from hypothesis import HealthCheck, settings
from prometheus_client import CollectorRegistry
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.http import build_api

_numbers = itertools.count()
schema = schemathesis.openapi.from_dict(build_api(registry=CollectorRegistry()).openapi())
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture
def anybody(house: House) -> str:
    """May do everything, in an account that a call may erase."""
    return house.keys.create("any", account=f"any-{next(_numbers)}", terms=KeyTerms(scopes=frozenset(Scope)))[1]


@schema.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_call(case: schemathesis.Case, server: str, anybody: str) -> None:
    response = case.call(base_url=server, headers={"Authorization": f"Bearer {anybody}"}, timeout=30)
    case.validate_response(response, checks=[not_a_server_error])
