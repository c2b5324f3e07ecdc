"""Prints the agent's compiled modules in one file, for injected agents of the same interpreter version.

    python -I -S -B compile.py        (one line: base64 of the file)

Run by the workbench with the target's interpreter, as the target's user and outside of the target:
compiling inside it would hold its lock, and reading some fifty files would give it away hundreds of times. The
workbench sees to it that it is of the sources that lie there; `load.py` compares version and hash.
"""
import _imp
import binascii
import importlib.util
import marshal
import os
import sys

PACKAGE = 'heaphouse_agent'
BUNDLE = 0x68656170  # as in load.py


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)
    modules = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.py'):
            continue
        path = os.path.join(folder, name)
        with open(path, 'rb') as file:
            code = compile(file.read(), path, 'exec', 0, True)
        # Each by itself: taken apart one after the other, so that none holds the lock for long.
        modules.append((name, marshal.dumps(code)))
    body = marshal.dumps(modules)
    data = importlib.util.MAGIC_NUMBER + _imp.source_hash(BUNDLE, body) + body
    sys.stdout.write(binascii.b2a_base64(data, newline=False).decode('ascii') + '\n')


main()
