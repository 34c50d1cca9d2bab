"""Vega, in a process of its own: it holds Python's lock while it draws, and a web process has others to answer meanwhile.
There is input that aborts it, and whatever it runs in.

Runs `vl_convert` and nothing of ours, knows none of our secrets, and has so much memory and no more; ends with the process
that started it. A request is one line of JSON, {"vega": ...} or
{"svg": ..., "scale": ...}; the answer is a line "drawn <bytes>" or "refused <bytes>", and so many bytes.
"""

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import time
from threading import BoundedSemaphore, Lock
from typing import IO, Any

PATIENCE = 10.0
"""Seconds that a drawing may take, and that one may wait for its turn."""
WAITING = 3
"""So many wait for their turn; others hear at once that there are too many."""
LARGEST = 8_000_000
"""Bytes of a request."""
LARGEST_ANSWER = 64_000_000
LONGEST_LINE = 64
"""Bytes before the answer itself."""
MEMORY = 2 << 30
"""Bytes that it may write to. Not addresses in all: V8 keeps many thousand times more of these free for itself."""
_COMMAND = ("-I", __file__)
_KNOWN = ("PATH", "LANG", "HOME")
"""What the drawing process has of our environment: HOME for the fonts that somebody installed there."""


class NotDrawn(Exception):
    """It could not be drawn; why, for a log: no word of what was to be drawn."""


class Busy(NotDrawn):
    """Too many wait to have something drawn: not now, but in a moment."""


class Engine:
    """One at a time, whoever asks. Started when it is first needed, and anew after it died or was given up."""

    def __init__(self) -> None:
        self._turn, self._room = Lock(), BoundedSemaphore(1 + WAITING)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def draw(self, **asked: Any) -> bytes:
        """What was asked for. Raises NotDrawn; at once, and as Busy, where so many wait already."""
        request = json.dumps(asked).encode() + b"\n"
        if len(request) > LARGEST:
            raise NotDrawn(f"{len(request):,} bytes are too much to draw")
        if not self._room.acquire(blocking=False):
            raise Busy("others are waiting")
        try:
            return self._in_turn(request)
        finally:
            self._room.release()

    def _in_turn(self, request: bytes) -> bytes:
        if not self._turn.acquire(timeout=PATIENCE):
            raise Busy("others were drawing all the time")
        try:
            return self._answer(self._running(), request)
        except OSError as error:
            self.stop()
            raise NotDrawn(f"the drawing process: {error}") from error
        except NotDrawn:
            raise
        except BaseException:
            self.stop()  # whatever it says now is not for whoever asks next
            raise
        finally:
            self._turn.release()

    def stop(self) -> None:
        """End the process, if this one started it."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not yet written to it
                        pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self.stop()
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in _KNOWN if name in os.environ},
        )
        assert self._process.stdin is not None  # noqa: S101  # a pipe
        os.set_blocking(self._process.stdin.fileno(), False)
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], request: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        talk = _Talk(process.stdin, process.stdout)
        talk.ask(request)
        word, _, size = talk.line().partition(b" ")
        # Whoever says anything else is out of step, and is given up as one that says nothing.
        if word not in (b"drawn", b"refused") or not size.isdigit() or len(size) > 9 or int(size) > LARGEST_ANSWER:
            raise ConnectionError("it said what is no answer")
        said = talk.exactly(int(size))
        if word != b"drawn":
            raise NotDrawn(f"refused: {said.decode(errors='replace')}")
        return said


class _Talk:
    """One request and its answer, both together no longer than is allowed."""

    def __init__(self, there: IO[bytes], back: IO[bytes]) -> None:
        self._there, self._back = there.fileno(), back.fileno()
        self._read, self._end = b"", time.monotonic() + PATIENCE

    def ask(self, request: bytes) -> None:
        left = memoryview(request)
        while left:
            self._wait(writes=True)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(self._there, left) :]

    def line(self) -> bytes:
        while b"\n" not in self._read:
            if len(self._read) > LONGEST_LINE:
                raise ConnectionError("it said what is no answer")
            self._more()
        line, _, self._read = self._read.partition(b"\n")
        return line

    def exactly(self, size: int) -> bytes:
        pieces, left = [self._read], size - len(self._read)
        while left > 0:
            self._read = b""
            self._more()
            pieces.append(self._read)
            left -= len(self._read)
        return b"".join(pieces)

    def _more(self) -> None:
        self._wait()
        if not (said := os.read(self._back, 1 << 16)):
            raise BrokenPipeError("it ended")
        self._read += said

    def _wait(self, *, writes: bool = False) -> None:
        poll, left = select.poll(), self._end - time.monotonic()
        poll.register(self._there if writes else self._back, select.POLLOUT if writes else select.POLLIN)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError(f"no answer within {PATIENCE:.0f} s")


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Draw what is asked for until nobody asks any more. Nothing is fetched from anywhere.

    Of what was refused only the kind of error is said: the rest may name whom the picture was about.
    """
    import vl_convert

    for line in requests:
        try:
            asked = json.loads(line)
            if "svg" in asked:
                drawn = vl_convert.svg_to_png(asked["svg"], scale=asked["scale"])
            else:
                drawn = vl_convert.vega_to_svg(asked["vega"], allowed_base_urls=[]).encode()
            word = b"drawn"
        except Exception as error:  # whatever Vega makes of it: the next request is another one
            word, drawn = b"refused", type(error).__name__.encode()
        answers.write(b"%s %d\n" % (word, len(drawn)))
        answers.write(drawn)
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(OSError, ValueError):  # where there is less already
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    serve(sys.stdin.buffer, sys.stdout.buffer)
