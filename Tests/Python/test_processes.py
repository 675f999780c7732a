"""The module in threads, in children of every kind, and in subinterpreters."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import sys
import threading

import pytest

import portpicker


def pick_many(count=20):
    return [portpicker.pick_unused_port() for _ in range(count)]


def all_different(lists):
    ports = [port for ports in lists for port in ports]
    assert len(ports) == len(set(ports))


def keep_until(queue, event):
    queue.put(pick_many())
    event.wait(60)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(method):
    context = multiprocessing.get_context(method)
    mine = pick_many()
    queue, event = context.Queue(), context.Event()
    children = [context.Process(target=keep_until, args=(queue, event)) for _ in range(4)]
    for child in children:
        child.start()
    lists = [queue.get(timeout=60) for _ in children]
    event.set()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    all_different([mine, *lists, pick_many()])


@pytest.mark.parametrize("loaded", [False, True])
def test_fork_while_threads_pick(run, loaded):
    run(f"""
        import os, threading, warnings
        warnings.simplefilter("ignore")
        import portpicker
        if {loaded}:
            portpicker.pick_unused_port()
        stop = threading.Event()
        def work():
            while not stop.is_set():
                portpicker.return_port(portpicker.pick_unused_port())
        threads = [threading.Thread(target=work) for _ in range(4)]
        if {loaded}:
            [thread.start() for thread in threads]
        for _ in range(50):
            child = os.fork()
            if child == 0:
                try:
                    for _ in range(5):
                        portpicker.pick_unused_port()
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        """)


def test_a_child_does_not_have_its_parents_ports():
    port = portpicker.pick_unused_port()
    child = os.fork()
    if child == 0:
        import logging

        records = []
        logging.info = lambda *words: records.append(words)
        portpicker.return_port(port)
        os._exit(len(records))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_threads():
    lists = []
    start = threading.Barrier(32)

    def work():
        start.wait()
        lists.append(pick_many())

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lists) == 32
    all_different(lists)


def test_the_first_call_in_many_threads(run):
    ports = run("""
        import threading, portpicker
        start = threading.Barrier(32)
        ports = []
        def work():
            start.wait()
            ports.append(portpicker.pick_unused_port())
        threads = [threading.Thread(target=work) for _ in range(32)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(*ports)
        """).split()
    assert len(set(ports)) == 32


def test_asyncio():
    async def serve():
        async def answer(reader, writer):
            writer.write(await reader.readexactly(1))
            writer.close()

        port = await asyncio.to_thread(portpicker.pick_unused_port)
        async with await asyncio.start_server(answer, "127.0.0.1", port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x")
            assert await reader.read() == b"x"
            writer.close()
        return port

    async def main():
        return await asyncio.gather(*(serve() for _ in range(20)))

    assert len(set(asyncio.run(main()))) == 20


def test_other_threads_run_while_one_waits_for_a_server(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(
                portpicker.get_port_from_port_server, str(tmp_path / "silent"))
            client, _ = silent.accept()
            assert client.recv(100)  # asks, and waits for the answer
            assert portpicker.pick_unused_port()
            assert not waiting.done()
            client.close()
            assert waiting.result() is None


def test_subinterpreters(run):
    module = next((name for name in ("_interpreters", "_xxsubinterpreters")
                   if name in sys.builtin_module_names or _exists(name)), None)
    if not module:
        pytest.skip("this Python has no subinterpreters")
    output = run(f"""
        import {module} as interpreters, portpicker
        first = portpicker.pick_unused_port()
        code = '''if True:
            import portpicker
            try:
                for _ in range(3):
                    port = portpicker.pick_unused_port()
                    portpicker.return_port(port)
                portpicker.get_port_from_port_server("/nowhere")
            except ImportError as error:
                # ctypes of some versions is not for subinterpreters.
                print(error)
            '''
        for _ in range(3):
            child = interpreters.create()
            failure = (getattr(interpreters, "run_string")(child, code))
            assert not failure, failure
            interpreters.destroy(child)
        assert portpicker.pick_unused_port() != first
        print("end")
        """)
    assert output.endswith("end\n")


def _exists(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def test_the_interpreter_ends_while_threads_pick(run):
    run("""
        import threading, portpicker
        def work():
            while True:
                portpicker.return_port(portpicker.pick_unused_port())
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        portpicker.pick_unused_port()
        """)
