"""The file by which a workbench finds the agent: `<folder>/<pid>.json`, mode 0600."""
from .codec import encode
from .compat import os, sys


def path_for(folder):
    # type: (str) -> str
    return os.path.join(folder, '%d.json' % os.getpid())


def arguments():
    # type: () -> list
    """The program's argument list as strings, even before `sys.argv` exists."""
    found = sys.__dict__.get('argv')
    if type(found) is list:
        return [a for a in found[:200] if type(a) is str]
    try:
        with open('/proc/self/cmdline', 'rb') as file:
            parts = file.read(65536).split(b'\0')[1:-1]
        return [p.decode('utf-8', 'replace') for p in parts]
    except OSError:
        return []


def publish(folder, port, token, started_at):
    # type: (str, int, str, float) -> str
    """Writes the file atomically and returns its path; OSError when the folder refuses it."""
    executable = sys.executable
    about = {
        'version': 1,
        'pid': os.getpid(),
        'ppid': os.getppid(),
        'port': port,
        'path': '/' + token,
        'webSocketUrl': 'ws://127.0.0.1:%d/%s' % (port, token),
        'pythonVersion': '.'.join([str(n) for n in sys.version_info[:3]]),
        'executable': executable if type(executable) is str else '',
        'argv': arguments(),
        'startedAt': started_at,
    }
    final = path_for(folder)
    part = final + '.part'
    withdraw(part)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, 'O_NOFOLLOW', 0)
    handle = os.open(part, flags, 0o600)
    try:
        os.write(handle, encode(about).encode('ascii'))
    finally:
        os.close(handle)
    os.rename(part, final)
    return final


def withdraw(path):
    # type: (str) -> None
    """Removes a file of ours; a missing one is fine."""
    try:
        os.unlink(path)
    except OSError:
        pass


def owner_lives(folder):
    # type: (str) -> bool
    """Whether the workbench that made the folder runs: its process id and start time are in it. From
    another pid namespace that cannot be told, which counts as no."""
    try:
        with open(os.path.join(folder, 'owner')) as file:
            pid, started = file.read(64).split()
        with open('/proc/%d/stat' % int(pid)) as file:
            return file.read(4096).rpartition(')')[2].split()[19] == started
    except (OSError, ValueError, IndexError):
        return False


def sweep(folder):
    # type: (str) -> None
    """Removes what a dead workbench left: the folder, and the copy of the agent beside it."""
    for name in ('owner', 'code.bin', 'enter.gdb', 'bytecode'):
        withdraw(os.path.join(folder, name))
    parent = os.path.dirname(folder)
    for path in (os.path.join(folder, 'entered'), path_for(folder)):
        try:
            os.rmdir(path) if path.endswith('entered') else os.unlink(path)
        except OSError:
            pass
    if os.path.basename(parent).startswith('heaphouse-agent-'):
        _remove_tree(os.path.join(parent, 'python'))
    for path in (folder, parent):
        try:
            os.rmdir(path)  # only when there is nothing else in it
        except OSError:
            pass


def _remove_tree(folder):
    for where, folders, files in os.walk(folder, False):
        for name in files:
            withdraw(os.path.join(where, name))
        for name in folders:
            path = os.path.join(where, name)
            try:
                os.unlink(path) if os.path.islink(path) else os.rmdir(path)
            except OSError:
                pass
    try:
        os.rmdir(folder)
    except OSError:
        pass
