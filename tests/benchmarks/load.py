"""A load of commands over HTTP from a process of its own: keep-alive connections, one thread each.

Prints one JSON object: commands, errors, seconds, and latencies in milliseconds.
"""

import http.client
import json
import sys
import time
from threading import Thread
from uuid import uuid4


def main() -> None:
    host, port, token, connections, seconds, rate, path = sys.argv[1:]
    headers = {
        "Authorization": f"Bearer {token}",
        "Purpose-Of-Use": "care",
        "Content-Type": "application/json",
    }
    latencies: list[float] = []
    errors: list[int] = []
    pause = int(connections) / float(rate) if float(rate) else 0.0
    begin = time.perf_counter()
    end = begin + float(seconds)

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(host, int(port), timeout=30)

        def post(where: str, body: dict[str, object]) -> dict[str, object]:
            started = time.perf_counter()
            connection.request("POST", where, json.dumps(body), {**headers, "Idempotency-Key": str(uuid4())})
            response = connection.getresponse()
            text = response.read()
            latencies.append(time.perf_counter() - started)
            if response.status >= 400:
                errors.append(response.status)
                return {}
            return dict(json.loads(text))

        opening = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
        due = time.perf_counter() + pause * number / int(connections)
        while time.perf_counter() < end:
            here = (
                path.split(",")[number % len(path.split(","))]
                if path != "-"
                else f"/cases/{post('/cases', opening).get('id')}"
            )
            for _ in range(20):
                if time.perf_counter() >= end:
                    return
                if pause:
                    time.sleep(max(0.0, due - time.perf_counter()))
                    due += pause
                post(f"{here}/notes", {"subject": "s" * 100, "health": "h" * 200})

    threads = [Thread(target=client, args=(n,)) for n in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    latencies.sort()
    at = {p: latencies[min(len(latencies) - 1, int(len(latencies) * p / 100))] * 1000 for p in (50, 99)}
    print(
        json.dumps({"commands": len(latencies), "errors": len(errors), "seconds": took, "p50": at[50], "p99": at[99]})
    )


main()
