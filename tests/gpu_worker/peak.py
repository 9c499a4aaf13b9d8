"""Most memory that a piece of code takes, measured in a process of its own."""

import subprocess
import sys

# Not getrusage: its maximum survives exec, so a child would begin with what its parent once held.
PROGRAM = """
import sys
from PIL import Image
from gpu_worker.errors import WorkerError
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

def most_kib():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])

data = sys.stdin.buffer.read()
normalise(Image.new("RGB", (64, 64)))
try:
    open_photo(data[:400])  # imports what this format needs
except WorkerError:
    pass
before = most_kib()
try:
    normalise(open_photo(data))
    print("opened", end=" ")
except WorkerError as error:
    print(type(error).__name__, end=" ")
print(most_kib() - before)
"""


def opening(data: bytes) -> tuple[str, int]:
    """(``opened`` or the error's name, KiB by which the most memory grew) of loading and normalising a file."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    outcome, grown_kib = done.stdout.decode().split()
    return outcome, int(grown_kib)
