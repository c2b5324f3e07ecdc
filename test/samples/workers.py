"""A server with workers: `workers.py fork|spawn|forkserver|prefork|shell`. Each worker keeps a list and adds up; ends on SIGTERM."""
import multiprocessing
import os
import signal
import subprocess
import sys
import time

WORKERS = 2


class Job:
    def __init__(self, number):
        self.number = number


def work(number):
    jobs = [Job(i) for i in range(1000 * (number + 1))]
    total = 0
    while True:
        for job in jobs:
            total += job.number
        time.sleep(0.02)


def prefork():
    pids = []
    for number in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            work(number)
            os._exit(0)
        pids.append(pid)
    return pids


def main():
    mode = sys.argv[1]
    if mode == "worker":
        work(int(sys.argv[2]))
    processes = []
    if mode == "prefork":
        pids = prefork()
    elif mode == "shell":
        # A shell stays between: two commands, so that it cannot replace itself.
        processes = [subprocess.Popen(f"{sys.executable} {__file__} worker {n}; exit 0", shell=True) for n in range(WORKERS)]
        pids = []
    else:
        context = multiprocessing.get_context(mode)
        processes = [context.Process(target=work, args=(n,), daemon=True) for n in range(WORKERS)]
        for process in processes:
            process.start()
        pids = [process.pid for process in processes]
    print("workers", *pids, flush=True)

    def stop(*_):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
