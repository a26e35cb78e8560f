"""Parameters that are passed on to another server of our contract. Light to import.

They are those of the engine that ships with it. Only what the caller gave is sent, so a server that knows other parameters, or
other defaults, keeps its own.
"""

from spark_avatar.engines.talking_portrait import TalkingPortraitOptions


class Options(TalkingPortraitOptions):
    """What a job on a remote server may set; what is not given is left to that server."""
