"""Threads that allocate without end, children of its own, fork hooks, a SIGCHLD handler: what a copy must not disturb."""
import os
import signal
import sys
import threading

hooks = []
signals = []
reaped = []
stop = threading.Event()
sums = [0] * 4
rounds = [0] * 4
os.register_at_fork(before=lambda: hooks.append('before'), after_in_parent=lambda: hooks.append('parent'))
signal.signal(signal.SIGCHLD, lambda *args: signals.append(1))


def churn(number):
    kept = {}
    while not stop.is_set():
        for step in range(2000):
            key = (number, step % 97)
            kept[key] = [step, {'step': step, 'text': 'x%d' % step}, (step, object())]
            if step % 5 == 0:
                kept.pop((number, (step * 7) % 97), None)
        sums[number] += sum(value[0] == value[1]['step'] == value[2][0] for value in kept.values()) - len(kept)
        rounds[number] += 1


for number in range(4):
    threading.Thread(target=churn, args=(number,), daemon=True).start()


def reap():
    """Waits for any child, as servers do."""
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            if stop.wait(0.01):
                return
            continue
        reaped.append((pid, status >> 8))


threading.Thread(target=reap, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    command = line.strip()
    if command == 'spawn':
        before = len(hooks)
        pid = os.posix_spawn(sys.executable, [sys.executable, '-S', '-E', '-c', 'import os; os._exit(7)'], {})
        print('spawned:%d;' % pid, flush=True)
    elif command == 'state':
        print('state:hooks=%d signals=%d reaped=%s sums=%s rounds=%d;' % (
            len(hooks), len(signals), reaped, sums, min(rounds)), flush=True)
    elif command == 'quit':
        stop.set()
        break
