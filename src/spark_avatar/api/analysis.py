"""Looking at inputs before a video is made of them: what is in them, and what would keep them from being used."""

from dataclasses import asdict

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.api.bodies import open_parameters
from spark_avatar.api.generation import Body, PortsOf
from spark_avatar.api.openapi import takes_input
from spark_avatar.errors import AudioUrlMissing, ImageUrlMissing, InputError, MalformedRequest, RemoteStatusError
from spark_avatar.media.quality import QualityWarning
from spark_avatar.schemas.analysis import FindingView, MeshView, PortraitAnalysis, RecordingAnalysis, WaveformView

routes = APIRouter(prefix="/api/v1/analyze", tags=["analysis"])


@routes.post("/image", responses={200: {"model": PortraitAnalysis}}, openapi_extra=takes_input("image_url"))
def analyze_image(request: Request, body: Body, ports: PortsOf) -> Response:
    """The face in a portrait, its mesh, and what is wrong or could be better. An image that cannot be used is a good answer."""
    _, params = open_parameters(body, request, ports)
    url = _address(params.get("image_url"), ImageUrlMissing)
    try:
        found = ports.analysis.portrait(url)
    except (InputError, RemoteStatusError) as error:
        return _json(PortraitAnalysis(usable=False, error=_fault(error)))
    return _json(
        PortraitAnalysis(
            usable=True,
            warnings=_warnings(found.warnings),
            image=asdict(found.image),
            face=asdict(found.face),
            mesh=MeshView(points=found.points, edges=found.edges),
        )
    )


@routes.post("/audio", responses={200: {"model": RecordingAnalysis}}, openapi_extra=takes_input("audio_url"))
def analyze_audio(request: Request, body: Body, ports: PortsOf) -> Response:
    """The waveform of a recording, where somebody speaks in it, and what is wrong or could be better."""
    _, params = open_parameters(body, request, ports)
    url = _address(params.get("audio_url"), AudioUrlMissing)
    try:
        found = ports.analysis.recording(url)
    except (InputError, RemoteStatusError) as error:
        return _json(RecordingAnalysis(usable=False, error=_fault(error)))
    return _json(
        RecordingAnalysis(
            usable=True,
            warnings=_warnings(found.warnings),
            audio=asdict(found.audio) | asdict(found.speech),
            waveform=WaveformView(peaks=found.peaks),
            segments=found.segments,
        )
    )


def _address(value: object, missing: type[InputError]) -> str:
    if value is None or value == "":
        raise missing
    if not isinstance(value, str):
        raise MalformedRequest("The address must be a text.")
    return value


def _fault(error: InputError | RemoteStatusError) -> FindingView:
    return FindingView(code=error.code, message=error.message)


def _warnings(found: tuple[QualityWarning, ...]) -> tuple[FindingView, ...]:
    return tuple(FindingView(code=each.code, message=each.message) for each in found)


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")
