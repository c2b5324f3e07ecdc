"""Allocates --mib MiB (default 64) in steps with pauses and then ends itself with SIGKILL, as the kernel's OOM killer would.

Prints `ready`, `allocated N MiB` for each step. No memory ran out: a diagnosis may say "usually", never "it was".
"""
import argparse
import os
import signal
import time

parser = argparse.ArgumentParser()
parser.add_argument('--mib', type=int, default=64)
parser.add_argument('--pause', type=float, default=0.05)
args = parser.parse_args()
print('ready', flush=True)
held = []
for step in range(0, args.mib, 8):
    held.append(bytearray(b'x') * (8 * 1024 * 1024))
    print('allocated %d MiB' % (step + 8), flush=True)
    time.sleep(args.pause)
os.kill(os.getpid(), signal.SIGKILL)
