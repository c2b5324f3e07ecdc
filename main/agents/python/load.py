"""Loads the agent package by explicit path, without `sys.path` and without import finders.

Used by the launch bootstrap and by the injected code. The package is read from the folder beside
this file, so nothing the target has on its path can get in between, and no entry of ours stays in
`sys.path_importer_cache`. The syntax is kept plain: old interpreters read it to refuse politely.
"""
import os
import sys

PACKAGE = 'heaphouse_agent'
OLDEST = (3, 8)


def refusal():
    """Why this interpreter cannot carry the agent, or None."""
    if sys.version_info[:2] < OLDEST:
        return ('Python %d.%d is too old for the agent: it needs CPython 3.8 or newer'
                % sys.version_info[:2])
    name = sys.implementation.name
    if name != 'cpython':
        return 'the agent needs CPython, this is %s' % name
    return None


def write_error(rendezvous, error):
    """Writes `<pid>.error.json` into the rendezvous folder, readable by this user only."""
    from _json import encode_basestring_ascii as quote
    message = str(error) or type(error).__name__
    detail = type(error).__name__
    trace = getattr(error, '__traceback__', None)
    while trace is not None:
        detail += ' <- %s:%d' % (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    text = '{"version":1,"pid":%d,"error":%s,"detail":%s}' % (
        os.getpid(), quote(message), quote(detail))
    final = os.path.join(rendezvous, '%d.error.json' % os.getpid())
    part = final + '.part'
    try:
        os.unlink(part)
    except OSError:
        pass
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, text.encode('ascii'))
    finally:
        os.close(handle)
    os.rename(part, final)


def _keep_nothing(*_):
    pass


def _reader(source, compiled):
    """What a loader reads its files with: in place of a file of `__pycache__` the one the workbench
    made, if nobody but root and this user can have written it. Only a function of its own holds it."""
    def get_data(path):
        if path == source:
            with open(path, 'rb') as file:
                return file.read()
        with open(compiled, 'rb') as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
                raise OSError('written by others')
            return file.read()
    return get_data


def load(keep_bytecode, compiled=None):
    """Returns the package; loads it when it is not loaded.

    keep_bytecode: may compiled files be written beside the sources. True for a program we start
    (start-up time), false for one we enter (leave no trace on a disk that is not ours to write).
    compiled: a folder of compiled files, see compile.py. The loader checks version and hash of each.
    """
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        return loaded
    external = sys.modules['_frozen_importlib_external']

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)
    made = []

    def make(name, filename):
        path = os.path.join(folder, filename)
        loader = external.SourceFileLoader(name, path)
        if not keep_bytecode:
            # On the instance: a class of our own would be garbage that only the collector frees.
            loader._cache_bytecode = _keep_nothing
            if compiled is not None:
                loader.get_data = _reader(path, os.path.join(compiled, filename + 'c'))
        module = type(sys)(name)
        module.__file__ = path
        module.__package__ = PACKAGE
        sys.modules[name] = module
        made.append(name)
        exec(loader.get_code(name), module.__dict__)
        return module

    try:
        package = make(PACKAGE, '__init__.py')
        package.__path__ = [folder]
        for part in package.PARTS:
            setattr(package, part, make(PACKAGE + '.' + part, part + '.py'))
    except BaseException:
        for name in made:
            sys.modules.pop(name, None)
        raise
    return package


def start_launched(rendezvous, wait):
    """Starts the agent in a program launched by the workbench; may wait for its first client."""
    reason = refusal()
    if reason:
        raise RuntimeError(reason)
    package = load(True)
    package.start(rendezvous=rendezvous, origin='launch', wait=wait)


def _compiled(rendezvous):
    """Folder of compiled modules that the workbench gave along, or None."""
    for parent in (rendezvous, os.path.dirname(os.path.abspath(__file__))):
        folder = os.path.join(parent, 'bytecode')
        if os.path.isdir(folder):
            return folder
    return None


def start_injected(rendezvous):
    """Starts the agent in a running program; called on a thread of our own.

    Every file that is opened and read gives the interpreter's lock away, and beside a thread that computes it
    comes back a whole switch interval later: hundreds of times 5 ms. So the interval is short while the
    agent loads, and is put back unless the program has changed it meanwhile.
    """
    usual = sys.getswitchinterval()
    short = min(usual, 0.0002)
    sys.setswitchinterval(short)
    quick = sys.getswitchinterval()
    try:
        reason = refusal()
        if reason:
            raise RuntimeError(reason)
        compiled = _compiled(rendezvous)
        package = load(False, compiled)
        import time
        for _ in range(5000):  # ten seconds, for a predecessor that is just being detached
            try:
                if not package.lifecycle.leaving():
                    break
            except (AttributeError, NameError, TypeError):
                pass  # it has gone this moment, and emptied its modules
            time.sleep(0.002)
            package = load(False, compiled)
        package.start(rendezvous=rendezvous, origin='inject')
    except BaseException as error:
        write_error(rendezvous, error)
    finally:
        if sys.getswitchinterval() == quick:
            sys.setswitchinterval(usual)
