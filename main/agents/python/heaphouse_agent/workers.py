"""Threads for what may take long or run the program's code; the agent's own thread stays free."""
from . import own
from .compat import _thread, block_signals


def spawn(function):
    """Runs `function()` on a thread the program's `threading` does not know."""
    holder = []  # how the start arguments, which only C code holds, are known to be ours
    arguments = (function, holder)
    holder.append(arguments)
    _thread.start_new_thread(_body, arguments)


def _body(function, holder):
    ident = _thread.get_ident()
    own.threads[ident] = holder
    try:
        block_signals()
        function()
    except SystemExit:
        pass
    finally:
        holder.clear()
        own.threads.pop(ident, None)
