"""A running server tells the end of a task to the address in its request, signed with the account's secret."""

import base64
import hashlib
import hmac
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from acceptance.conftest import Server, body


def test_the_end_of_a_task_is_told(server: Server, key: str, host: str) -> None:
    told: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            told.put(({name.lower(): value for name, value in self.headers.items()}, content))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver, server.client(key) as client:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        hook = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
        sent = body(f"{host}/status/404", f"{host}/word.wav", webhook_url=hook)
        task_id = client.post("/model/v1/generation", json=sent).raise_for_status().json()["id"]
        headers, content = told.get(timeout=30)
        secret = client.get("/model/v1/generation/webhooks/secret").json()["secret"]
        receiver.shutdown()
        thread.join()
    message = json.loads(content)
    assert (message["type"], message["data"]["id"]) == ("task.failed", task_id)
    assert message["data"]["error"]["code"] == "003016097"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    key_bytes = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key_bytes, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
