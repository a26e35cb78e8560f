"""What the operator has decided, in words: for the console's settings page."""

from spark_avatar.config import MEBIBYTE, Settings
from spark_avatar.console.pages.settings import Rule


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """Retention, provenance, limits."""
    provenance = settings.provenance_manifest, settings.provenance_watermark, settings.provenance_label
    manifest, watermark, label = ("on" if wanted else "off" for wanted in provenance)
    rules = (
        ("Videos and ended tasks are kept", _kept(settings.keep_days, "days"), "KEEP_DAYS"),
        ("Uploaded inputs are kept", _kept(settings.keep_input_hours, "hours"), "KEEP_INPUT_HOURS"),
        ("Links to videos work for", f"{settings.link_seconds / 3600:g} hours", "LINK_SECONDS"),
        ("Signed manifest in every video (C2PA)", manifest, "PROVENANCE_MANIFEST"),
        ("Invisible watermark in every video", watermark, "PROVENANCE_WATERMARK"),
        ("Visible label on every video", label, "PROVENANCE_LABEL"),
        ("A statement of consent", "required" if settings.require_consent else "optional", "REQUIRE_CONSENT"),
        (
            "Largest portrait",
            f"{settings.max_image_bytes / MEBIBYTE:.3g} MiB, {settings.max_image_side} pixels a side",
            "MAX_IMAGE_BYTES",
        ),
        ("Longest recording", f"{settings.max_audio_seconds / 60:g} minutes", "MAX_AUDIO_SECONDS"),
        ("Requests of one key", settings.rate_per_key or "no limit", "RATE_PER_KEY"),
        (
            "Tasks of a workspace that run at once",
            str(settings.max_running_per_account or "no limit"),
            "MAX_RUNNING_PER_ACCOUNT",
        ),
    )
    return tuple(Rule(title, value, f"SPARK_AVATAR_{name}") for title, value, name in rules)


def _kept(amount: float, unit: str) -> str:
    return f"{amount:g} {unit}" if amount else "until somebody deletes them"
