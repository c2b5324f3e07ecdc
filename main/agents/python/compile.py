"""Prints the agent's compiled modules, for injected agents of the same interpreter version.

    python -I -S -B compile.py        (one line a module: name, space, base64 of a .pyc)

Run by the workbench with the target's interpreter, as the target's user and outside of the target:
compiling inside it would hold its lock. The files carry the hash of their source, which `load.py` has
the interpreter compare: another source, or another version, and they are not used.
"""
import binascii
import importlib.util
import marshal
import os
import sys

PACKAGE = 'heaphouse_agent'


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.py'):
            continue
        path = os.path.join(folder, name)
        with open(path, 'rb') as file:
            source = file.read()
        code = compile(source, path, 'exec', 0, True)
        # PEP 552: magic number, flags (by hash, to be checked), hash, code.
        data = (importlib.util.MAGIC_NUMBER + b'\3\0\0\0' + importlib.util.source_hash(source)
                + marshal.dumps(code))
        sys.stdout.write('%s %s\n' % (name[:-3], binascii.b2a_base64(data).decode('ascii').strip()))


main()
