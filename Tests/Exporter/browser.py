"""Chromium without a window, driven by its DevTools protocol through a pipe."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find():
    """The path of the browser; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with one page."""

    def __init__(self, path):
        self.profile = tempfile.mkdtemp(prefix="exporter-browser-")
        # The browser reads commands from descriptor 3 and writes to descriptor 4.
        commands, self.commands = os.pipe()
        self.replies, replies = os.pipe()
        script = f'exec 3<&{commands} 4>&{replies}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "browser", path, "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=(commands, replies), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(replies)
        self.buffer = b""
        self.number = 0
        self.session = None
        self.events = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.replies)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _message(self, timeout):
        end = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            rest = end - time.monotonic()
            if rest <= 0 or not select.select([self.replies], [], [], rest)[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self.replies, 1 << 20)
            if not data:
                raise EOFError("the browser has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def send(self, method, timeout=60, **parameters):
        """Sends a command, and returns its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message(timeout)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)

    def problems(self):
        """What scripts complained about, and dialogs that they opened."""
        self.run("0")
        return [event for event in self.events
                if event["method"] in ("Runtime.exceptionThrown",
                                       "Page.javascriptDialogOpening")
                or event["method"] == "Log.entryAdded"
                and event["params"]["entry"]["level"] == "error"
                # A page with status 503 is one that is tested.
                and "503" not in event["params"]["entry"]["text"]]

    def open(self, url):
        """Opens a page, and returns when it is loaded."""
        # The page that is there now may still be loading.
        self.run("window.isOld = true")
        self.send("Page.navigate", url=url)
        end = time.monotonic() + 60
        while not self.see("!window.isOld && document.readyState === 'complete'"):
            if time.monotonic() > end:
                raise TimeoutError(url)
            time.sleep(0.01)

    def run(self, expression):
        """Evaluates an expression in the page."""
        result = self.send("Runtime.evaluate", expression=expression,
                           returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def see(self, expression):
        """The same while a page may be loading; None if there is nothing yet."""
        try:
            return self.run(expression)
        except RuntimeError:
            return None

    def press(self, key, code=None, text=None):
        """Presses a key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        number = codes.get(key, ord(key.upper()) if len(key) == 1 else 0)
        text = text or ("\r" if key == "Enter" else key if len(key) == 1 else "")
        for kind in ("keyDown", "keyUp"):
            parameters = {"type": kind, "key": key, "code": code or key,
                          "windowsVirtualKeyCode": number}
            if kind == "keyDown" and text:
                parameters["text"] = text
            self.send("Input.dispatchKeyEvent", **parameters)

    def type(self, text):
        for character in text:
            self.press(character)

    def look(self, width, height=900, dark=False, mobile=False):
        """Sets the size of the window and its colours."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)
        self.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def scripts(self, allowed):
        self.send("Emulation.setScriptExecutionDisabled", value=not allowed)

    def screenshot(self, path):
        data = self.send("Page.captureScreenshot", captureBeyondViewport=True,
                         format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
