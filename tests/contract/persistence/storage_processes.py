"""What the other processes of the storage tests do. Each starts fresh (spawn)."""

from pathlib import Path

from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.secret import load_secret


def put_once(folder, key, source):
    """Puts one file."""
    ObjectStorage(folder).put(key, Path(source))


def load_at_once(path, start, results):
    """Loads the secret when all are ready; sends it."""
    start.wait()
    results.put(load_secret(Path(path)))
