"""The first calls of a run are made by several threads, and openai is imported by the first of them."""

import subprocess
import sys

PROGRAM = """
import sys, threading
from contexttune.models.endpoint_errors import classify
from contexttune.models.wire import answer_in

sys.setswitchinterval(1e-6)
together, failed = threading.Barrier(8), []

def ask(number):
    together.wait()
    try:
        classify(ValueError()) if number % 2 else answer_in({"choices": []})
    except Exception as error:
        failed.append(repr(error))

threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(failed)
"""


def test_no_thread_gets_half_a_library():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
