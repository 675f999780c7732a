"""Tests that serve on ``unused_tcp_port``; scripts/stress-python runs them.

They take a moment to start their server, as most do. MARKS names the file that finds
duplicates, and COUNT is how many there are.
"""

import os
import random
import socket
import threading
import time

import pytest

from marks import Marks


@pytest.fixture(scope="session")
def marks():
    return Marks(os.environ["MARKS"])


@pytest.mark.parametrize("number", range(int(os.environ["COUNT"])))
def test_a_server(number, unused_tcp_port, marks):
    port = unused_tcp_port
    is_alone = marks.take(port)
    try:
        time.sleep(random.uniform(0, 0.02))
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            thread = threading.Thread(target=answer, args=(server, b"%d" % number))
            thread.start()
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert client.recv(100) == b"%d" % number
            thread.join()
    finally:
        if is_alone:
            marks.give(port)
    assert is_alone, "duplicate"


def answer(server, text):
    connection, _ = server.accept()
    with connection:
        connection.sendall(text)
