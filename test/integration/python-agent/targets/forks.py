"""Forks in every way Python has, while the agent is in; says what each child gave back."""
import multiprocessing
import os
import subprocess
import sys
import warnings


def child(queue):
    queue.put(('child', os.getpid()))


def main():
    warnings.simplefilter('error')
    print('ready', flush=True)
    sys.stdin.readline()
    pid = os.fork()
    if pid == 0:
        sockets = 0
        for fd in os.listdir('/proc/self/fd'):
            if int(fd) < 3:
                continue
            try:
                sockets += os.readlink('/proc/self/fd/' + fd).startswith('socket:')
            except OSError:
                pass
        os.write(1, b'forked %d;' % sockets)
        os._exit(7)
    _, status = os.waitpid(pid, 0)
    print('status %d;' % (status >> 8), flush=True)
    for method in ('fork', 'spawn'):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        told = queue.get()
        process.join()
        print('%s %s %d;' % (method, told[0], process.exitcode), flush=True)
    out = subprocess.check_output([sys.executable, '-c', 'print("sub ok")'])
    print(out.decode().strip() + ';', flush=True)
    pid = os.fork()
    if pid == 0:
        print('staying %d;' % os.getpid(), flush=True)
        sys.stdin.readline()
        os._exit(0)
    os.waitpid(pid, 0)
    print('done', flush=True)


if __name__ == '__main__':
    main()
