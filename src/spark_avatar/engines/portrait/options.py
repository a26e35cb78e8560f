"""Parameters of the portrait engine. Light to import."""

from spark_avatar.engines.talking_portrait import TalkingPortraitOptions


class Options(TalkingPortraitOptions):
    """What a job of the portrait engine may set; the defaults give the best result."""
