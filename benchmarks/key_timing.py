"""Does the time of a refusal tell whether a guess had the prefix of a real key?

    python benchmarks/key_timing.py      # ROUNDS (5000), on SQLite

Times the check of two wrong keys of right form, in turns: one with the prefix of a key that there is, one with nobody's.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from spark_avatar.accounts.bearer_secrets import KEY_MARK, new_secret
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.errors import NotAuthenticated


def refusal(keys: SqlKeyStore, guess: str) -> float:
    """Microseconds until the guess is refused."""
    start = time.perf_counter()
    try:
        keys.authenticate(guess)
    except NotAuthenticated:
        return (time.perf_counter() - start) * 1e6
    raise SystemExit("a guess was right")


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "5000"))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'keys.sqlite3'}"
        upgrade(url)
        engine = open_database(url)
        keys = SqlKeyStore(engine)
        real = [keys.create(f"key {number}") for number in range(50)]
        key, secret = real[25]
        stranger = new_secret(KEY_MARK)
        guesses = {"known prefix": key.prefix + stranger[len(key.prefix) :], "unknown prefix": stranger}
        times: dict[str, list[float]] = {name: [] for name in guesses}
        assert guesses["known prefix"] != secret
        for number in range(rounds):
            for name in sorted(guesses, reverse=bool(number % 2)):
                times[name].append(refusal(keys, guesses[name]))
        engine.dispose()
    for name, taken in times.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        print(f"{name:<16} median {middle:7.1f} us, quartiles {low:.1f} to {high:.1f}")


if __name__ == "__main__":
    main()
