"""Vega, in a process of its own: it holds Python's lock while it draws, and a web process has others to answer meanwhile.
There is input that aborts it, and whatever it runs in.

Runs `vl_convert` and nothing of ours; ends with the process that started it. A request is one line of JSON, {"vega": ...} or
{"svg": ..., "scale": ...}; the answer is a line "drawn <bytes>" or "refused <bytes>", and so many bytes.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from threading import Lock
from typing import IO, Any

PATIENCE = 10.0
"""Seconds that a drawing may take, and that one may wait for its turn."""
LARGEST = 8_000_000
"""Bytes of a request."""


class NotDrawn(Exception):
    """It could not be drawn; why, for a log."""


class Engine:
    """One at a time, whoever asks. Started when it is first needed, and anew after it died or was given up."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def draw(self, **asked: Any) -> bytes:
        """What was asked for. Raises NotDrawn."""
        request = json.dumps(asked).encode() + b"\n"
        if len(request) > LARGEST:
            raise NotDrawn(f"{len(request):,} bytes are too much to draw")
        if not self._turn.acquire(timeout=PATIENCE):
            raise NotDrawn("others were drawing all the time")
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
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], request: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        reader = _Reader(process.stdout)
        process.stdin.write(request)
        process.stdin.flush()
        word, _, size = reader.line().partition(b" ")
        said = reader.exactly(int(size))
        if word != b"drawn":
            raise NotDrawn(said.decode(errors="replace"))
        return said


class _Reader:
    """Reads what comes, and no longer than is allowed."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._read, self._end = pipe.fileno(), b"", time.monotonic() + PATIENCE

    def line(self) -> bytes:
        while b"\n" not in self._read:
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
        left = self._end - time.monotonic()
        if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
            raise TimeoutError(f"no answer within {PATIENCE:.0f} s")
        if not (said := os.read(self._pipe, 1 << 16)):
            raise BrokenPipeError("it ended")
        self._read += said


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Draw what is asked for until nobody asks any more. Nothing is fetched from anywhere."""
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
            word, drawn = b"refused", f"{type(error).__name__}: {error}"[:2000].encode()
        answers.write(b"%s %d\n" % (word, len(drawn)))
        answers.write(drawn)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
