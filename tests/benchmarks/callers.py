"""Callers over HTTP from a process of their own, until a time is over or it is killed.

`fair HOST PORT SECONDS TOKEN`: opens cases, notes and reads, as one person at work does, one after the other, four a
second. Prints one JSON object: how many were refused, and how long each took.
`greedy HOST PORT SECONDS TOKEN…`: each token on eight connections, reading as fast as it is answered, whatever is said.
Prints how many were answered and how many refused.
"""

import http.client
import json
import sys
import time
from threading import Thread

EACH_SECOND = 4.0
CONNECTIONS = 8
OPENING = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
READS = ("/cases?limit=100", "/agencies", "/inbox?limit=100", "/cases?wait_for=100000000000000000", "/deadlines")
TOO_MANY = 429


def main() -> None:
    what, host, port, seconds, *tokens = sys.argv[1:]
    end = time.perf_counter() + float(seconds)
    print(json.dumps((fair if what == "fair" else greedy)(host, int(port), end, tokens)))


def headers(token: str, purpose: str = "care") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose, "Content-Type": "application/json"}


def fair(host: str, port: int, end: float, tokens: list[str]) -> dict[str, object]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    latencies: list[float] = []
    refused = 0

    def ask(method: str, path: str, body: object = None) -> dict[str, object]:
        nonlocal refused
        started = time.perf_counter()
        connection.request(method, path, json.dumps(body) if body is not None else None, headers(tokens[0]))
        answer = connection.getresponse()
        text = answer.read()
        latencies.append(time.perf_counter() - started)
        if answer.status >= 400:
            refused += 1
            return {}
        return dict(json.loads(text))

    due = time.perf_counter()
    while time.perf_counter() < end:
        case = ask("POST", "/cases", OPENING).get("id")
        for method, path, body in (
            ("POST", f"/cases/{case}/notes", {"subject": "s" * 100}),
            ("GET", f"/cases/{case}", None),
        ):
            due += 1 / EACH_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            ask(method, path, body)
        due += 1 / EACH_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
    return {"refused": refused, "milliseconds": [1000 * latency for latency in latencies]}


def greedy(host: str, port: int, end: float, tokens: list[str]) -> dict[str, object]:
    answered: list[int] = []

    def read(token: str, number: int) -> None:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        while time.perf_counter() < end:
            number += 1
            try:
                connection.request("GET", READS[number % len(READS)], headers=headers(token))
                answer = connection.getresponse()
                answer.read()
                answered.append(answer.status)
            except OSError:
                connection.close()

    threads = [Thread(target=read, args=(token, n), daemon=True) for token in tokens for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"requests": len(answered), "refused": answered.count(TOO_MANY)}


main()
