"""Whether the server lives, whether it can take work, and its figures. Monitors ask with HEAD too: the HTTP server leaves the
body out.
"""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse

from spark_avatar.api.generation import PortsOf
from spark_avatar.api.problems import RETRY_SECONDS

routes = APIRouter(tags=["operation"])


@routes.get("/healthz")
@routes.head("/healthz", include_in_schema=False)
async def healthz() -> JSONResponse:
    """200 while the process answers."""
    return JSONResponse({"status": "ok"})


@routes.get("/readyz")
@routes.head("/readyz", include_in_schema=False)
def readyz(ports: PortsOf) -> JSONResponse:
    """200 when a task submitted now would be taken up, else 503; says which part is missing."""
    checks = dict(ports.checks())
    if all(checks.values()):
        return JSONResponse({"status": "ready", "checks": checks})
    return JSONResponse({"status": "not ready", "checks": checks}, 503, headers={"Retry-After": str(RETRY_SECONDS)})


@routes.get("/metrics")
@routes.head("/metrics", include_in_schema=False)
def metrics(ports: PortsOf) -> Response:
    """Figures in Prometheus' text format."""
    return Response(generate_latest(ports.registry), media_type=CONTENT_TYPE_LATEST)
