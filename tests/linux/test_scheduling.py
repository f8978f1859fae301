"""Real-time scheduling: taken where it may be, given back when it would harm."""

import os
import subprocess
import sys

BECOME = "import os; from triocarp.linux.scheduling import become_real_time; print(become_real_time(), end=' ');"
SHOW = "print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)"
SPIN = """
import resource, signal, time
print(resource.getrlimit(resource.RLIMIT_RTTIME)[0], end=' ')
if not os.sched_getscheduler(0):
    os.kill(os.getpid(), signal.SIGXCPU)
end = time.process_time() + 2
while time.process_time() < end and os.sched_getscheduler(0):
    pass
"""
"""Where the class is not permitted, the signal that the kernel sends at the limit (setrlimit(2)) is sent here."""


def run(program: str) -> list[str]:
    """Run a program in a process of its own, and return the words that it prints."""
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return answer.stdout.split()


def test_the_process_is_in_the_class_that_it_was_told() -> None:
    """The answer is the truth: a process is in the real-time class exactly if it is told so."""
    told, scheduler = run(BECOME + SHOW)

    assert (told == "True") == (int(scheduler) == os.SCHED_RR)


def test_programs_that_it_starts_are_ordinary() -> None:
    """A script of the operator is not served before everybody else."""
    told, scheduler = run(
        BECOME + f"import subprocess, sys; sys.stdout.flush();"
        f"subprocess.run([sys.executable, '-c', 'import os; {SHOW}'])"
    )

    assert (told, int(scheduler)) == (told, os.SCHED_OTHER)


def test_half_a_second_without_a_pause_makes_it_ordinary() -> None:
    """A process that only computes gives the class back, and goes on, instead of being ended by the signal."""
    told, limit_us, scheduler = run(f"{BECOME}\n{SPIN}\n{SHOW}")

    assert (told, int(limit_us), int(scheduler)) == (told, 500_000, os.SCHED_OTHER)


def test_threads_are_promoted_and_demoted_with_it() -> None:
    """A thread for which the process may have to wait is served as early as itself."""
    promoted, its_thread, _, *after = run(  # between them SPIN says the limit
        f"""
import os, threading
from triocarp.linux.scheduling import become_real_time
thread = threading.Thread(target=threading.Event().wait, daemon=True)
thread.start()
become_real_time(thread.native_id)
def show():
    print(*[os.sched_getscheduler(who) & ~os.SCHED_RESET_ON_FORK for who in (0, thread.native_id)])
show()
{SPIN}
show()
"""
    )

    assert promoted == its_thread
    assert after == [str(os.SCHED_OTHER)] * 2
