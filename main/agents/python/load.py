"""Loads the agent package by explicit path, without `sys.path` and without import finders.

Used by the launch bootstrap and by the injected code. The package is read from the folder beside
this file, so nothing the target has on its path can get in between, and no entry of ours stays in
`sys.path_importer_cache`. The syntax is kept plain: old interpreters read it to refuse politely.
"""
import os
import sys

PACKAGE = 'heaphouse_agent'
OLDEST = (3, 8)
BUNDLE = 0x68656170  # key of the hash in a file of compiled modules


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


def _read(path):
    """A whole file in few system calls: each gives the interpreter's lock away."""
    handle = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
    try:
        return _rest(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def _rest(handle, size):
    data = os.read(handle, size)
    while len(data) < size:
        more = os.read(handle, size - len(data))
        if not more:
            break
        data += more
    return data


def _compiled_modules(path):
    """Name -> compiled module, from a file of compile.py that nobody but root and this user can have
    written; empty where it is not for this interpreter, or damaged."""
    import _imp
    import marshal
    external = sys.modules['_frozen_importlib_external']
    handle = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
    try:
        status = os.fstat(handle)
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            return {}
        data = _rest(handle, status.st_size)
    finally:
        os.close(handle)
    body = data[12:]
    if data[:4] != external.MAGIC_NUMBER or data[4:12] != _imp.source_hash(BUNDLE, body):
        return {}
    return dict(marshal.loads(body))


def load(keep_bytecode, compiled=None, hurry=None):
    """Returns the package; loads it when it is not loaded.

    keep_bytecode: may compiled files be written beside the sources. True for a program we start
    (start-up time), false for one we enter (leave no trace on a disk that is not ours to write).
    compiled: a file of compiled modules, see compile.py. hurry: called before each module.
    """
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        return loaded
    external = sys.modules['_frozen_importlib_external']

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)
    ready = {}
    if compiled is not None:
        try:
            ready = _compiled_modules(compiled)
        except Exception:
            pass  # the sources are there
    made = []

    def code_of(name, filename, path):
        if filename in ready:
            import marshal
            return marshal.loads(ready[filename])
        loader = external.SourceFileLoader(name, path)
        if not keep_bytecode:
            # On the instance: a class of our own would be garbage that only the collector frees.
            loader._cache_bytecode = _keep_nothing
            loader.get_data = _read
        return loader.get_code(name)

    def make(name, filename):
        if hurry is not None:
            hurry()
        path = os.path.join(folder, filename)
        module = type(sys)(name)
        module.__file__ = path
        module.__package__ = PACKAGE
        sys.modules[name] = module
        made.append(name)
        exec(code_of(name, filename, path), module.__dict__)
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
    """The file of compiled modules that the workbench gave along, or None."""
    for parent in (rendezvous, os.path.dirname(os.path.abspath(__file__))):
        path = os.path.join(parent, 'bytecode', 'modules')
        if os.path.isfile(path):
            return path
    return None


def start_injected(rendezvous, hurry):
    """Starts the agent in a running program; called on a thread of our own. `hurry` makes the switch
    interval short again where an agent that is just leaving has put it back."""
    try:
        reason = refusal()
        if reason:
            raise RuntimeError(reason)
        compiled = _compiled(rendezvous)
        package = load(False, compiled, hurry)
        import time
        for turn in range(5000):  # ten seconds, for a predecessor that is just being detached
            try:
                if not package.lifecycle.leaving():
                    break
            except (AttributeError, NameError, TypeError):
                # It empties its modules, and takes away their last name in a moment. In a child that was
                # forked meanwhile nobody does.
                if turn > 1000 and sys.modules.get(PACKAGE) is package:
                    sys.modules.pop(PACKAGE, None)
            time.sleep(0.002)
            hurry()
            package = load(False, compiled, hurry)
        package.start(rendezvous=rendezvous, origin='inject')
    except BaseException as error:
        write_error(rendezvous, error)
