"""Webhooks against a receiver that verifies them as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from service_house import CALLER, STRANGER, House

from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.errors import InvalidOptions
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.http_sender import HttpSender, NotSent
from spark_avatar.service.webhooks import SCHEDULE, WebhookDeliverer, WebhookSigner, sign
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore

LOCAL = AllowList.parse(("127.0.0.1/32",))
SIGNER = WebhookSigner(b"s" * 32)


@dataclass
class Receiver:
    """Answers with `status`; keeps what it was sent."""

    url: str = ""
    status: int = 204
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.status)
            self.send_header("Location", receiver.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


def deliverer(house: House, allow: AllowList = LOCAL) -> WebhookDeliverer:
    return WebhookDeliverer(
        SqlDeliveryStore(house.database),
        SqlEndpointStore(house.database),
        house.store,
        HttpSender(allow),
        SIGNER,
        SqlAuditLog(house.database),
        clock=house.clock,
    )


def verified(message: tuple[dict[str, str], bytes], secret: str) -> dict:
    """The message, if its signature is right; written from the specification, not from our code."""
    headers, body = message
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" in headers["webhook-signature"].split(" ")
    return json.loads(body)


def test_the_signature_is_that_of_the_specifications_libraries():
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_end_of_a_task_is_told_once_and_signed(house: House, receiver: Receiver, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url, webhook_url=receiver.url + "/hook?a=1")
    sending = deliverer(house)
    sending.step()
    assert receiver.messages == [], "it has not ended"
    runner = house.runner()
    runner.run(runner.claim())
    sending.step()
    sending.step()
    (message,) = receiver.messages
    told = verified(message, SIGNER.secret_of(CALLER.account_id))
    assert told["type"] == "task.completed"
    assert told["data"] == {"id": task.id, "model": task.request.model, "status": "completed"}
    assert message[0]["content-type"] == "application/json"
    assert int(message[0]["webhook-timestamp"]) == int(house.clock.now.timestamp())
    (delivery,) = sending.deliveries.of_account(CALLER.account_id, limit=9)
    assert (delivery.attempts, delivery.last_status, delivery.delivered_at) == (1, 204, house.clock.now)


def test_a_failure_tells_its_code(house: House, receiver: Receiver):
    task = house.submit(webhook_url=receiver.url)
    house.tasks.cancel(task.id, caller=CALLER)
    deliverer(house).step()
    told = verified(receiver.messages[0], SIGNER.secret_of(CALLER.account_id))
    assert (told["type"], told["data"]["error"]["code"]) == ("task.canceled", "003016031")


def test_accounts_have_secrets_of_their_own():
    assert SIGNER.secret_of(CALLER.account_id) != SIGNER.secret_of(STRANGER.account_id)
    assert WebhookSigner(b"t" * 32).secret_of(CALLER.account_id) != SIGNER.secret_of(CALLER.account_id)


def ended(house: House, url: str) -> None:
    house.tasks.cancel(house.submit(webhook_url=url).id, caller=CALLER)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_refusal_is_tried_again_ever_more_rarely_and_given_up(house: House, receiver: Receiver, status: int):
    receiver.status = status
    ended(house, receiver.url)
    sending = deliverer(house)
    for number, pause in enumerate(SCHEDULE, start=1):
        sending.step()
        assert len(receiver.messages) == number
        house.clock.forward(pause.total_seconds() - 1)
        sending.step()
        assert len(receiver.messages) == number, "too early"
        house.clock.forward(1)
    sending.step()
    house.clock.forward(10 * 86400)
    sending.step()
    assert len(receiver.messages) == len(SCHEDULE) + 1
    assert len({headers["webhook-id"] for headers, _ in receiver.messages}) == 1
    assert len({body for _, body in receiver.messages}) == 1
    (delivery,) = sending.deliveries.of_account(CALLER.account_id, limit=9)
    assert (delivery.next_at, delivery.delivered_at, delivery.last_error) == (None, None, f"answered {status}")


def test_a_receiver_that_comes_back_gets_its_message(house: House, receiver: Receiver):
    receiver.status = 503
    ended(house, receiver.url)
    sending = deliverer(house)
    sending.step()
    receiver.status = 200
    house.clock.forward(10)
    sending.step()
    (delivery,) = sending.deliveries.of_account(CALLER.account_id, limit=9)
    assert (delivery.attempts, delivery.delivered_at) == (2, house.clock.now)


def test_a_receiver_that_is_gone_is_left_alone(house: House, receiver: Receiver):
    receiver.status = 410
    ended(house, receiver.url)
    sending = deliverer(house)
    sending.step()
    house.clock.forward(86400)
    sending.step()
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_addresses_that_are_not_public_are_not_sent_to(house: House, receiver: Receiver, host: str):
    ended(house, receiver.url.replace("127.0.0.1", host))
    sending = deliverer(house, AllowList())
    sending.step()
    assert receiver.messages == []
    (delivery,) = sending.deliveries.of_account(CALLER.account_id, limit=9)
    assert (delivery.attempts, delivery.last_status, delivery.last_error) == (1, None, "not a public address")


def test_nobody_listens(house: House):
    with pytest.raises(NotSent, match="could not be reached"):
        HttpSender(LOCAL).post("http://127.0.0.1:1/hook", {}, b"{}", seconds=5)


def test_servers_at_once_send_once(house: House, receiver: Receiver):
    for _ in range(5):
        ended(house, receiver.url)
    steps = [threading.Thread(target=deliverer(house).step) for _ in range(4)]
    for step in steps:
        step.start()
    for step in steps:
        step.join()
    assert sorted({headers["webhook-id"] for headers, _ in receiver.messages}) == sorted(
        headers["webhook-id"] for headers, _ in receiver.messages
    )
    assert len(receiver.messages) == 5


@pytest.mark.parametrize(
    "url",
    [
        7,
        ["https://example.org"],
        "ftp://example.org",
        "data:,x",
        "example.org",
        "https://u:p@example.org",
        "https://a/" + "a" * 9000,
    ],
)
def test_an_address_that_cannot_be_one_is_refused_at_once(house: House, url: object):
    with pytest.raises(InvalidOptions, match="webhook_url"):
        house.submit(webhook_url=url)
