"""The main thread waits in one system call. --how says in which:

  sleep (default)  time.sleep            select   select with a pipe nobody writes to
  poll             poll with a timeout   epoll    epoll with a timeout (Linux)
  lock             Lock.acquire with a timeout    join     Thread.join of a thread that sleeps
  read             read of a pipe; a thread writes to it at the end

Prints `ready`, waits --seconds (default 5), and ends with `result ok` if the wait was neither cut short nor more than
a second too long and gave what it should, else with `result wrong: …` and exit code 1.
"""
import argparse
import os
import select
import sys
import threading
import time


def wait(how, seconds):
    """True when the wait gave what it gives undisturbed."""
    if how == 'sleep':
        time.sleep(seconds)
        return True
    if how == 'lock':
        lock = threading.Lock()
        lock.acquire()
        return lock.acquire(timeout=seconds) is False
    if how == 'join':
        thread = threading.Thread(target=time.sleep, args=(seconds,))
        thread.start()
        thread.join()
        return True
    reader, writer = os.pipe()
    if how == 'select':
        return select.select([reader], [], [], seconds) == ([], [], [])
    if how == 'poll':
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        return poll.poll(seconds * 1000) == []
    if how == 'epoll':
        epoll = select.epoll()
        epoll.register(reader, select.EPOLLIN)
        return epoll.poll(seconds) == []
    if how == 'read':
        def late():
            time.sleep(seconds)
            os.write(writer, b'done')
        threading.Thread(target=late).start()
        return os.read(reader, 10) == b'done'
    raise SystemExit('unknown --how ' + how)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=5.0)
    parser.add_argument('--how', default='sleep')
    args = parser.parse_args()
    print('ready', flush=True)
    started = time.monotonic()
    ok = wait(args.how, args.seconds)
    took = time.monotonic() - started
    # Clocks of waits are coarse; a tenth of a second early would be a wait that was cut short.
    if ok and args.seconds - 0.1 <= took <= args.seconds + 1.5:
        print('result ok', flush=True)
        return 0
    print('result wrong: %s after %.3f s' % (ok, took), flush=True)
    return 1


if __name__ == '__main__':
    sys.exit(main())
