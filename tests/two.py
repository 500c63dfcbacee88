"""A second person, for tests that need what takes two."""

import httpx


def seconded(answer: httpx.Response, second: httpx.Client) -> httpx.Response:
    """What a command is answered in the end: another person approves it where it waits for one."""
    if answer.status_code != 202:
        return answer
    return second.post(f"{answer.headers['Location']}/approval")
