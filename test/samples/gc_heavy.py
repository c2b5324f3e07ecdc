"""Keeps the cyclic collector busy: makes reference cycles and drops them, for --seconds (default 5; 0: for ever).

Truth: every round makes 1,000 cycles of two `Node` objects (with their dicts) and keeps none. Every tenth round calls
gc.collect(), a collection of generation 2. Prints `ready`, and at the end `result ROUNDS`.
"""
import argparse
import gc
import time


class Node:
    def __init__(self):
        self.other = None


def round_of_cycles():
    for _ in range(1000):
        a, b = Node(), Node()
        a.other, b.other = b, a


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=5.0)
    args = parser.parse_args()
    print('ready', flush=True)
    end = time.monotonic() + args.seconds if args.seconds > 0 else float('inf')
    rounds = 0
    while time.monotonic() < end:
        round_of_cycles()
        rounds += 1
        if rounds % 10 == 0:
            gc.collect()
        time.sleep(0.005)
    print('result %d' % rounds, flush=True)


if __name__ == '__main__':
    main()
