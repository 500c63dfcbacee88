"""PostgreSQL does not run as root, so the embedded server has a user of its own. On a new machine two servers that
start at once (two workers of this suite, two systems) both make it."""

import os
import pwd
import shutil
import subprocess
import sys
import uuid

import pytest

AS_ROOT = os.name == "posix" and os.geteuid() == 0 and shutil.which("useradd") and shutil.which("userdel")
PROGRAM = """
import pwd, sys
from rujukan.infra.services.postgres import ensure_user
name = sys.argv[1]
print("ready", flush=True)
sys.stdin.read()
ensure_user(name)
print(pwd.getpwnam(name).pw_uid)
"""


@pytest.mark.skipif(not AS_ROOT, reason="makes a user of this machine, which root alone can")
def test_servers_that_start_at_once_on_a_new_machine_share_the_user_that_one_of_them_makes():
    name = f"rujukan-{uuid.uuid4().hex[:8]}"
    start = [sys.executable, "-c", PROGRAM, name]
    starts = [subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        for one in starts:
            assert one.stdout.readline() == "ready\n"
        for one in starts:
            one.stdin.close()
        numbers = {one.stdout.read().strip() for one in starts}
        assert numbers == {str(pwd.getpwnam(name).pw_uid)}
        assert [one.wait() for one in starts] == [0, 0, 0, 0]
    finally:
        for one in starts:
            one.stdout.close()
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)
