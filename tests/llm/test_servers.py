import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kcode.llm.providers import Provider
from kcode.llm.servers import ask_servers


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(body if self.path == "/v1/models" else b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def at(url: str) -> Provider:
    return Provider(name="mine", title="Mine", litellm="openai", family="compatible", base_url=url)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_a_server_tells_its_models(ending: str) -> None:
    body = b'{"data": [{"id": "qwen3-coder"}, {"id": "org/big", "max_model_len": 32768}]}'
    with serving(body) as url:
        (server,) = ask_servers([at(url + ending)])
    assert server.models == {"mine/qwen3-coder": None, "mine/org/big": 32768}
    assert server.trouble == ""


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": null}', b'{"data": [{}]}', b'{"models": []}'])
def test_another_kind_of_server_is_told(body: bytes) -> None:
    with serving(body) as url:
        (server,) = ask_servers([at(url)])
    assert (server.models, server.trouble) == ({}, "it answers, but with no list of models")


def test_a_server_that_is_not_there_is_told_and_those_without_an_address_are_not_asked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        (server,) = ask_servers([nobody, nobody.model_copy(update={"base_url": None})])
    assert server.trouble == "connection refused"
    assert ask_servers([]) == []


def test_silent_servers_are_waited_for_together_and_not_long() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = ask_servers([at(f"http://127.0.0.1:{silent.getsockname()[1]}")] * 8, timeout=0.1)
    assert time.monotonic() - began < 0.7
    assert [server.trouble for server in servers] == ["timed out"] * 8
