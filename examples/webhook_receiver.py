"""A receiver of webhooks: verifies each message, takes each one once, and answers before it works.

    pip install standardwebhooks
    WEBHOOK_SECRETS="whsec_..." python webhook_receiver.py 9000

While a secret is being changed, name both, with a comma between them.
"""

import os
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
    raise SystemExit("Name the port to listen on: python webhook_receiver.py 9000")
if not os.environ.get("WEBHOOK_SECRETS"):
    raise SystemExit("Set WEBHOOK_SECRETS to the secret that the endpoint was created with (whsec_...).")
SECRETS = [Webhook(secret) for secret in os.environ["WEBHOOK_SECRETS"].split(",")]
LARGEST_BYTES = 64 * 1024
seen: set[str] = set()  # in earnest: a table with the ids of the last days
work: queue.Queue[dict] = queue.Queue()  # in earnest: something that survives a restart


def verified(body: bytes, headers: dict[str, str]) -> dict | None:
    """The message, if one of the secrets signed it within the last five minutes."""
    for secret in SECRETS:
        try:
            return secret.verify(body, headers)
        except WebhookVerificationError:
            continue
    return None


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > LARGEST_BYTES:
            return self.answer(413)
        message = verified(self.rfile.read(length), dict(self.headers.items()))
        if message is None:
            return self.answer(401)
        if self.headers["webhook-id"] not in seen:  # the same message may come twice
            seen.add(self.headers["webhook-id"])
            work.put(message)
        return self.answer(204)  # at once: after ten seconds it counts as failed

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def work_off() -> None:
    while True:
        message = work.get()
        # The message is thin: ask for the result with your API key.
        print(message["type"], message["data"].get("id", ""), flush=True)


if __name__ == "__main__":
    threading.Thread(target=work_off, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
