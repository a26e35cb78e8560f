"""A real HTTP server that speaks S3 (moto's), and a proxy in front of it that can be made to fail."""

import http.client
import threading
import uuid
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from moto.server import ThreadedMotoServer

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "not a secret",
    "AWS_REGION": "us-east-1",
}
_HOP_BY_HOP = {"connection", "transfer-encoding", "host", "keep-alive"}


class S3Server:
    """The server and its address; `client` is boto3's."""

    def __init__(self, port):
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="tests",
            aws_secret_access_key="not a secret",
        )

    def new_bucket(self):
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return name

    def unfinished_uploads(self, bucket):
        return self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])

    def keys(self, bucket):
        return [found["Key"] for found in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]


@contextmanager
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    s3 = S3Server(port)
    try:
        yield s3
    finally:
        s3.client.close()
        server.stop()


class FaultyProxy:
    """Hands requests on to a server of this machine. `fault(method, path)` is asked first: None, a status to answer with, or
    "silent" for no answer until `heal`.
    """

    def __init__(self, port):
        self.fault = lambda method, path: None
        self.refused = 0
        """Requests that met a fault."""
        self.healed = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self):
                outer._hand_on(self, port)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def sicken(self, fault):
        """Every request meets this fault, until `heal`."""
        self.healed.clear()
        self.fault = lambda method, path: fault

    def heal(self):
        self.fault = lambda method, path: None
        self.healed.set()

    def close(self):
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def _hand_on(self, request, port):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        fault = self.fault(request.command, request.path)
        if fault:
            self.refused += 1
        if fault == "silent":
            self.healed.wait(60)
            request.close_connection = True
            return
        if fault:
            self._answer(request, fault, {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        self._answer(request, answer.status, kept, content)
        connection.close()

    @staticmethod
    def _answer(request, status, headers, content):
        headers = {name.title(): value for name, value in headers.items()}
        headers.setdefault("Content-Length", str(len(content)))
        request.send_response_only(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)
