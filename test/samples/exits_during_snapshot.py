"""Holds many objects (--objects, default 400,000 lists of one str) so that a snapshot takes a while, then ends by itself.

Prints `ready` when they exist and ends hard (os._exit(9)) --after seconds later (default 1.0): begin a snapshot within
that time and it is cut off.
"""
import argparse
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument('--objects', type=int, default=400_000)
parser.add_argument('--after', type=float, default=1.0)
args = parser.parse_args()
held = [[str(i)] for i in range(args.objects)]
print('ready', flush=True)
end = time.monotonic() + args.after
while time.monotonic() < end:
    time.sleep(0.01)
os._exit(9)
