"""Settings -> engines, models, limits and marks: what the server, its workers and the command line have in common."""

from __future__ import annotations

from collections.abc import Iterator

from spark_avatar.config import Settings
from spark_avatar.engines.comfyui.configuration import ComfyConfiguration, Drained, none_is_drained, parse_servers
from spark_avatar.engines.configured import ConfiguredEngines, EngineFinding
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.engines.remote.configuration import RemoteConfiguration, parse_url
from spark_avatar.errors import ConfigurationError
from spark_avatar.media.limits import MediaLimits
from spark_avatar.provenance.provenance import FOLDER, Provenance, ProvenanceRules
from spark_avatar.service.addresses import AllowList, PublicReach
from spark_avatar.service.models import PICTURE_OMNI, Model, ModelCatalog, picture_omni

_PATIENCE, _SHORT_PATIENCE = 30.0, 3.0
"""Seconds that a job waits for a first ComfyUI server to answer: little where another engine can take over."""


def engine_registry(settings: Settings, drained: Drained = none_is_drained) -> EngineRegistry:
    """The installed engines and those of the settings; `drained` tells which of their servers get no new jobs.

    Raises `ConfigurationError`.
    """
    return _registry(_configured(settings, drained))


def model_catalog(settings: Settings) -> ModelCatalog:
    """The models: the talking portrait, one for each workflow, and those of the settings.

    Raises `ConfigurationError` for an engine that is not there, and a price of a model that is not.
    """
    configured = _configured(settings)
    registry = _registry(configured)
    workflows = {workflow.id: name for name, workflow in configured.workflows.items()}
    engines = {PICTURE_OMNI: settings.default_engine, **workflows, **settings.models}
    known = registry.names()
    named = {"DEFAULT_ENGINE": (settings.default_engine,), "MODELS": settings.models.values(), "FALLBACK": settings.fallback}
    for setting, names in named.items():
        for name in names:
            if name not in known:
                raise ConfigurationError(f"SPARK_AVATAR_{setting}: there is no engine {name!r}; there are: {', '.join(known)}")
    for model_id in settings.prices:
        if model_id not in engines:  # what it was meant for would be sold at the price of all others
            raise ConfigurationError(f"SPARK_AVATAR_PRICES: there is no model {model_id!r}; there are: {', '.join(engines)}")
    return ModelCatalog([_model(model_id, engine, configured) for model_id, engine in engines.items()], registry)


def limits_of(settings: Settings) -> MediaLimits:
    """What inputs may be."""
    return MediaLimits(
        image_bytes=settings.max_image_bytes,
        image_side=settings.max_image_side,
        audio_bytes=settings.max_audio_bytes,
        audio_seconds=settings.max_audio_seconds,
    )


def provenance_of(settings: Settings) -> Provenance:
    """Marks the videos. Reads no file before it is needed."""
    return Provenance(
        ProvenanceRules(
            manifest=settings.provenance_manifest,
            tags=settings.provenance_tags,
            watermark=settings.provenance_watermark,
            watermark_always=settings.provenance_watermark_remote,
            label=settings.provenance_label,
            label_text=settings.provenance_label_text,
            label_font=settings.provenance_label_font,
            certificate=settings.provenance_certificate,
            key=settings.provenance_key,
            folder=settings.data_dir / FOLDER,
        )
    )


def check_engines(settings: Settings, drained: Drained) -> Iterator[EngineFinding]:
    """Asks every remote server whether it can do its work. Raises `ConfigurationError`."""
    yield from _configured(settings, drained).check()


def known_server(settings: Settings, url: str) -> str:
    """The address of a ComfyUI server as workers know it. Raises `ConfigurationError` for one that is not in the settings."""
    (wanted,) = parse_servers([url])
    if wanted.url not in {server.url for server in parse_servers(settings.comfyui_urls)}:
        raise ConfigurationError(f"{url} is not among SPARK_AVATAR_COMFYUI_URLS")
    return wanted.url


def _registry(configured: ConfiguredEngines) -> EngineRegistry:
    registry = EngineRegistry(configured.factories(lambda name: registry.engine(name)))
    return registry


def _configured(settings: Settings, drained: Drained = none_is_drained) -> ConfiguredEngines:
    return ConfiguredEngines(_comfyui(settings), settings.comfyui_workflows, _remote(settings), settings.fallback, drained)


def _comfyui(settings: Settings) -> ComfyConfiguration | None:
    if not settings.comfyui_urls:
        return None
    return ComfyConfiguration(
        servers=parse_servers(settings.comfyui_urls),
        state_dir=settings.data_dir / "comfyui",
        headers={name: value.get_secret_value() for name, value in settings.comfyui_headers.items()},
        job_seconds=settings.remote_seconds,
        patience_seconds=_SHORT_PATIENCE if settings.fallback else _PATIENCE,
        reach=PublicReach(AllowList.parse(settings.fetch_allow)),
    )


def _remote(settings: Settings) -> RemoteConfiguration | None:
    if settings.remote_url is None:
        return None
    if settings.remote_key is None:
        raise ConfigurationError("SPARK_AVATAR_REMOTE_URL needs SPARK_AVATAR_REMOTE_KEY, the API key of that server")
    return RemoteConfiguration(
        url=parse_url(settings.remote_url),
        key=settings.remote_key.get_secret_value(),
        model=settings.remote_model,
        job_seconds=settings.remote_seconds,
        reach=PublicReach(AllowList.parse(settings.fetch_allow)),
    )


def _model(model_id: str, engine: str, configured: ConfiguredEngines) -> Model:
    if model_id == PICTURE_OMNI:
        return picture_omni(engine)
    workflow = configured.workflows.get(engine)
    if workflow is not None:
        return Model(id=model_id, engine=engine, name=workflow.name, description=workflow.description)
    return Model(id=model_id, engine=engine, name=model_id, description=picture_omni(engine).description)
