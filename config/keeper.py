"""A keeper for one process, so that nothing outlives whoever started it.

The owner holds the write end of a pipe; the keeper, in a session of its own, reads it. When the owner dies in any way
the pipe closes, and the keeper stops its process: the right signal first, then a hurried one, then SIGKILL to all that
is left of it. The owner uses `Kept`; the keeper itself is this file, run as a program with the standard library only.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Kept:
    """A process under a keeper; it ends when `stop` is called, when this owner dies, or by itself.

    `stop_signal` asks it to end; after `grace` seconds `hurry_signal` does, and two seconds later SIGKILL. `hold` are
    file descriptors that it inherits (a lock, say, that then lasts as long as the process itself). `user` is a pair
    of user and group ids to run as. Raises OSError when the program cannot be run at all.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        *,
        log: IO[bytes] | int,
        stop_signal: signal.Signals = signal.SIGTERM,
        hurry_signal: signal.Signals = signal.SIGKILL,
        grace: float = 10.0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        hold: Sequence[int] = (),
        pid_file: Path | None = None,
    ) -> None:
        self.name, self.grace = name, grace
        how = {
            "owner": os.getpid(),
            "stop": int(stop_signal),
            "hurry": int(hurry_signal),
            "grace": grace,
            "user": user,
            "hold": list(hold),
            "pid_file": str(pid_file) if pid_file else None,
        }
        # Python's pipes are close-on-exec: no other child can hold this one open behind our back.
        watched, self._held = os.pipe()
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, json.dumps(how), *(str(word) for word in command)],
                stdin=watched,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                pass_fds=tuple(hold),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(watched)

    @property
    def code(self) -> int | None:
        """None while it runs; then its exit code, 128 + n for one that died of signal n, 126 for one that never ran."""
        return self._keeper.poll()

    def ask(self) -> None:
        """Begin to stop it; returns at once, and may be called again."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def hurry(self) -> None:
        """Shorten the grace to nothing."""
        self.ask()
        if self.code is None:
            self._keeper.terminate()

    def stop(self) -> int:
        """Stop it and wait until nothing of it is left; its exit code."""
        self.ask()
        try:
            return self._keeper.wait(self.grace + 5)
        except subprocess.TimeoutExpired:  # the keeper itself is stuck, which only a stopped (frozen) one is
            self._keeper.kill()
            return self._keeper.wait()


def _die_with(parent: int, stop: int) -> None:
    """In the new process: should the keeper itself be killed, the kernel (Linux) sends the stop signal instead."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, stop, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _start(how: dict[str, object], command: list[str]) -> subprocess.Popen[bytes]:
    user = how["user"]
    keeper, stop = os.getpid(), int(str(how["stop"]))
    uid, gid = user if isinstance(user, list) else (None, None)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        user=uid,
        group=gid,
        extra_groups=None if gid is None else [],
        pass_fds=[int(fd) for fd in how["hold"]] if isinstance(how["hold"], list) else (),
        start_new_session=True,
        preexec_fn=lambda: _die_with(keeper, stop),  # noqa: PLW1509  # this program has one thread
    )


def _sweep(group: int) -> None:
    """End what the process left behind: its group, and (Linux) whatever of it became our own child."""
    for _ in range(100):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        try:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        except OSError:
            return
        if not children:
            return
        for child in map(int, children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _keep(how: dict[str, object], child: subprocess.Popen[bytes], woken: int) -> int:
    """Wait for the process, or for its owner's end; then the signals in their order. Its return code."""
    steps = [(int(str(how["stop"])), float(str(how["grace"]))), (int(str(how["hurry"])), 2.0), (signal.SIGKILL, 60.0)]
    stopping, until, watching = False, 0.0, [sys.stdin.fileno(), woken]
    while child.poll() is None:
        wait = min(1.0, max(0.0, until - time.monotonic())) if stopping else 1.0
        ready, _, _ = select.select(watching, [], [], wait)
        hurried = woken in ready and signal.SIGTERM in os.read(woken, 64)
        alone = 0 in ready and os.read(0, 1) == b""
        if alone:
            watching.remove(0)
        alone = alone or hurried or os.getppid() != how["owner"]
        late = stopping and (hurried or time.monotonic() >= until)
        if (alone and not stopping) or late:
            stopping = True
            number, grace = steps.pop(0) if len(steps) > 1 else steps[0]
            until = time.monotonic() + grace
            with contextlib.suppress(ProcessLookupError):
                if number == signal.SIGKILL:
                    os.killpg(child.pid, number)
                child.send_signal(number)
    return child.returncode


def main() -> int:
    """Run and keep one process; the exit code tells how it ended."""
    how, command = json.loads(sys.argv[1]), sys.argv[2:]
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if sys.platform == "linux":
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        child = _start(how, command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", flush=True)
        return 126
    if how["pid_file"]:
        Path(how["pid_file"]).write_text(f"{child.pid}\n")
    code = _keep(how, child, woken)
    _sweep(child.pid)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    _libc = ctypes.CDLL(None, use_errno=True)
    sys.exit(main())
