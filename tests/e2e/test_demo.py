"""`make demo`, as people run it."""
import subprocess
import sys

from lab import HERE


def test_the_demo_shows_all_it_promises():
    done = subprocess.run([sys.executable, "-B", HERE / "demo.py"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for title in ("3. A TCP transfer", "4. A stranger", "6. Why"):
        assert title in done.stdout
