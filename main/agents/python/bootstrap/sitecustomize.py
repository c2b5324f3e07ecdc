"""Starts the Heaphouse agent in a program that was launched with this folder on PYTHONPATH.

Python imports the first `sitecustomize` it finds. This one starts the agent, takes its own folder
off the path again and then hands over to the `sitecustomize` that would have been found without
us. Nothing here may disturb the program: a failure becomes a file in the rendezvous folder.

The syntax is kept plain so that interpreters the agent does not support can read it and say so.
"""
import os as _os
import sys as _sys


def _waits(rendezvous):
    """Only the first interpreter of a launch waits; those it starts would wait for nobody."""
    if _os.environ.get('HEAPHOUSE_WAIT') != '1':
        return False
    try:
        _os.close(_os.open(_os.path.join(rendezvous, 'python.target'),
                           _os.O_WRONLY | _os.O_CREAT | _os.O_EXCL, 0o600))
    except OSError:
        return False
    return True


def _is_sub():
    """Subinterpreters read PYTHONPATH as well. Only the main one may set a wake-up descriptor;
    none is set so early, so asking for none changes nothing."""
    try:
        import _signal
        _signal.set_wakeup_fd(-1)
    except ValueError:
        return True
    except Exception:
        pass
    return False


def _start():
    here = _os.path.dirname(_os.path.abspath(__file__))
    _sys.path[:] = [p for p in _sys.path
                    if not isinstance(p, str) or _os.path.abspath(p or '.') != here]
    _sys.path_importer_cache.pop(here, None)
    rendezvous = _os.environ.get('HEAPHOUSE_AGENT')
    if not rendezvous or not _os.path.isdir(rendezvous) or _is_sub():
        return
    loader = _os.path.join(_os.path.dirname(here), 'load.py')
    scope = {'__name__': 'heaphouse_agent_load', '__file__': loader}
    try:
        with open(loader) as source:
            code = compile(source.read(), loader, 'exec')
        exec(code, scope)
        scope['start_launched'](rendezvous, _waits(rendezvous))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        try:
            scope['write_error'](rendezvous, error)
        except BaseException:
            pass
    finally:
        scope.clear()


_start()
del _start, _waits, _is_sub, _os

# Behave as if this file had not been on the path: the program's own sitecustomize runs, with its
# own errors. Where there is none, the import fails under the name `site` expects and ignores.
_sys.modules.pop('sitecustomize', None)
del _sys
try:
    import sitecustomize  # noqa: F401
except ImportError as _missing:
    # Python 2 has no `name` on the error; there the program simply has no sitecustomize.
    if hasattr(_missing, 'name'):
        raise
