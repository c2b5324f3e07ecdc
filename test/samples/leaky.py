"""A service with a planted leak, CPython 3.8 and newer, standard library only.

Truth:
  * The leak phase makes exactly --objects (10,000) objects of class `__main__.Session` and keeps every one in the
    module-level dict `_cache` (key: its number). Nothing else refers to them. Before the phase there is none.
  * Each Session holds `number` (int), `user` (str, `user-000042`) and `payload` (bytes of exactly --payload (1,024)
    bytes, its own object; sys.getsizeof: payload + 33).
  * With --churn the program also makes and drops `Request` objects all the time. The deque `_recent` always holds
    the last 100 of them, from before the first phase on: their number does not grow.

Phases: `ready`, `leak`, `hold`. Each prints `phase NAME begin` or `phase NAME end`, and the first line is
`truth {json}` with the sizes on this interpreter. The last line is `result NUMBER`: always the same for the same
--objects, whoever looked into the program meanwhile.

The leak begins --leak-at seconds after the start and the program ends --hold-after seconds after it (default: never).
With --stdin a line on standard input, with --trigger FILE the appearance of FILE (it is removed) takes the next step
instead: first the leak, then the end.
"""
import argparse
import collections
import json
import os
import sys
import threading
import time

_cache = {}
_recent = collections.deque(maxlen=100)


class Session:
    def __init__(self, number, payload_bytes):
        self.number = number
        self.user = 'user-%06d' % number
        self.payload = bytes([number % 251]) * payload_bytes


class Request:
    def __init__(self, number):
        self.number = number
        self.headers = {'host': 'example.org', 'x-number': str(number)}
        self.body = [number, number + 1, number + 2]


def leak(count, payload_bytes):
    for number in range(count):
        _cache[number] = Session(number, payload_bytes)


def churn(start, count):
    for number in range(start, start + count):
        _recent.append(Request(number))


def say(text):
    sys.stdout.write(text + '\n')
    sys.stdout.flush()


class Steps:
    """Says when the next step is due: by the clock, by a line on stdin, or by a file."""

    def __init__(self, args):
        self.args = args
        self.started = time.monotonic()
        self.lines = threading.Semaphore(0)
        if args.stdin:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for _ in sys.stdin:
            self.lines.release()

    def due(self, after):
        """True once for each step; `after` is in seconds since the last one, None: never by the clock."""
        if self.args.stdin:
            ok = self.lines.acquire(blocking=False)
        elif self.args.trigger:
            ok = os.path.exists(self.args.trigger)
            if ok:
                os.unlink(self.args.trigger)
        else:
            ok = after is not None and time.monotonic() - self.started >= after
        if ok:
            self.started = time.monotonic()
        return ok


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--objects', type=int, default=int(os.environ.get('LEAKY_OBJECTS', '10000')))
    parser.add_argument('--payload', type=int, default=1024)
    parser.add_argument('--churn', action='store_true')
    parser.add_argument('--leak-at', type=float, default=2.0)
    parser.add_argument('--hold-after', type=float, default=None)
    parser.add_argument('--trigger')
    parser.add_argument('--stdin', action='store_true')
    args = parser.parse_args()

    sample = Session(0, args.payload)
    say('truth ' + json.dumps({
        'class': '__main__.Session', 'holder': '_cache', 'objects': args.objects,
        'payloadBytes': sys.getsizeof(sample.payload), 'userBytes': sys.getsizeof(sample.user),
        'sessionShallowBytes': sys.getsizeof(sample), 'pid': os.getpid(),
        'python': '%d.%d.%d' % sys.version_info[:3]}))
    del sample

    served = 0
    if args.churn:
        churn(served, 200)
        served += 200
    steps = Steps(args)

    def run(after):
        nonlocal served
        while not steps.due(after):
            if args.churn:
                churn(served, 50)
                served += 50
            time.sleep(0.01)

    say('phase ready begin')
    run(args.leak_at)
    say('phase ready end')
    say('phase leak begin')
    leak(args.objects, args.payload)
    say('phase leak end')
    say('phase hold begin')
    run(args.hold_after)
    say('phase hold end')
    say('result %d' % sum(s.number * len(s.payload) + len(s.user) for s in _cache.values()))


if __name__ == '__main__':
    main()
