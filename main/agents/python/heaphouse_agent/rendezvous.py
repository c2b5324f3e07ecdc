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
