"""Threads for what may take long or run the program's code; the agent's own thread stays free."""
from . import own
from .compat import _thread, block_signals

starting = {}  # threads that were asked for and do not run yet
at_end = []  # what the last thread calls before it ends: a function and its arguments


def spawn(function):
    """Runs `function()` on a thread the program's `threading` does not know."""
    holder = []  # how the start arguments, which only C code holds, are known to be ours
    arguments = (function, holder)
    holder.append(arguments)
    starting[id(holder)] = holder
    try:
        _thread.start_new_thread(_body, arguments)
    except BaseException:
        starting.pop(id(holder), None)
        raise


def _body(function, holder):
    ident = _thread.get_ident()
    own.threads[ident] = holder
    starting.pop(id(holder), None)
    try:
        block_signals()
        function()
    except SystemExit:
        pass
    finally:
        holder.clear()
        own.threads.pop(ident, None)
    function = None
    last = at_end[:]
    if last:
        try:
            # From here on there may be no global name left.
            last[0](*last[1:])
        except Exception:
            pass
