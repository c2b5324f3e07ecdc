"""The main thread never waits: arithmetic and short-lived lists until --seconds (default 5) have passed.

Prints `ready`, works in rounds of known result, and ends with `result ok` (every round gave the same) or
`result wrong` and exit code 1. --threads N: as many further threads do the same.
"""
import argparse
import sys
import threading
import time

EXPECTED = 328350  # sum of i*i for i in range(100)


def work(seconds, verdicts):
    end = time.monotonic() + seconds
    ok = True
    while time.monotonic() < end:
        rows = [[i, i * i] for i in range(100)]
        ok = ok and sum(row[1] for row in rows) == EXPECTED
    verdicts.append(ok)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=5.0)
    parser.add_argument('--threads', type=int, default=0)
    args = parser.parse_args()
    print('ready', flush=True)
    verdicts = []
    threads = [threading.Thread(target=work, args=(args.seconds, verdicts)) for _ in range(args.threads)]
    for thread in threads:
        thread.start()
    work(args.seconds, verdicts)
    for thread in threads:
        thread.join()
    ok = all(verdicts) and len(verdicts) == args.threads + 1
    print('result ok' if ok else 'result wrong', flush=True)
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
