"""Programs in a terminal of a given size, and what they leave on its screen."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from support.checks import PATIENCE
from support.program import program

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process in a terminal of its own. `text` is all that it has written."""

    def __init__(self, *arguments, columns=80, rows=24, **environment):
        child, self.descriptor = pty.fork()
        if child == 0:
            self.resize(0, columns, rows)
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"TERM": "xterm-256color", **environment})
            os.execv(program(), [program(), *arguments])
        self.process = child
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    @staticmethod
    def resize(descriptor, columns, rows):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until=lambda text: False):
        """Reads until the condition holds of the text, or the program ends; whether the condition holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not until(self.text):
            if not select.select([self.descriptor], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.descriptor, 1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            self.text += self.decoder.decode(data)
        return until(self.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.process, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.process, 0)
        os.close(self.descriptor)


def plain(text):
    """The text without escapes, as lines."""
    return [line.rstrip("\r") for line in ESCAPE.sub("", text).split("\n")]


def screens(text):
    """Each picture that was drawn from the top of the screen, as lines without escapes."""
    return [plain(screen.rstrip("\r\n")) for screen in text.split("\x1b[H")[1:]]
