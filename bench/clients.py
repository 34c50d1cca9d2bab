"""Many clients at once, in a process of their own: each line of the input is a file of requests, each answer what they took.

A request is a line of the file: method, path, and the body of a form. Each client keeps one connection open.
"""

import json
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeAlias

CLIENTS = 16
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
Request: TypeAlias = tuple[str, str, str]


def main() -> None:
    """`port` is the first argument; until there are no more lines."""
    port = int(sys.argv[1])
    for line in sys.stdin:
        requests: list[Request] = [tuple(one) for one in json.loads(Path(line.strip()).read_text())]
        print(json.dumps(_all(port, requests)), flush=True)


def _all(port: int, requests: list[Request]) -> dict[str, object]:
    took: list[float] = []
    statuses: dict[str, int] = {}
    lock = threading.Lock()

    def run(mine: list[Request]) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        times, seen = [], []
        for method, path, body in mine:
            headers = {"User-Agent": AGENT, "Accept-Language": "en-GB"}
            if body:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            began = time.perf_counter()
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            response.read()
            times.append(time.perf_counter() - began)
            seen.append(str(response.status))
        connection.close()
        with lock:
            took.extend(times)
            for status in seen:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=run, args=(requests[n::CLIENTS],)) for n in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    took.sort()
    return {"seconds": seconds, "p99": took[int(len(took) * 0.99)] if took else 0.0, "statuses": statuses}


if __name__ == "__main__":
    main()
