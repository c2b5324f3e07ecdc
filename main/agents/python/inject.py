"""Code an injector runs inside a target; returns at once.

    exec(compile(open(PATH).read(), PATH, 'exec'),
         {'__name__': 'heaphouse_agent_inject', 'RENDEZVOUS': FOLDER})

The thread that happens to run this may be anywhere, so it only starts another one: loading,
compiling and listening happen there. Only modules that every interpreter has in memory are used.

Beside a thread that computes, ours would wait a switch interval and longer for the interpreter's lock each time it
has read a file (heaphouse_agent/workers.py says why). So the interval is short from here on until the agent is there, and is
put back unless the program has changed it meanwhile. INTERVAL: what it was, where it is short already.
"""
import _thread
import sys

_SHORT = 0.000103  # seconds; as in heaphouse_agent/workers.py
_MORE = 2e-7  # the interpreter cuts to microseconds: so much more, and what was read is what is set


def _hurry(state):
    """state: the usual interval, the short one as the interpreter tells it."""
    now = sys.getswitchinterval()
    if now != state[1]:
        state[0] = now
        if now > _SHORT:  # where it is short already, whoever made it so may put it back this moment
            sys.setswitchinterval(_SHORT + _MORE)
        state[1] = sys.getswitchinterval()


def _put_back(state):
    if state[0] > _SHORT and sys.getswitchinterval() == state[1]:
        sys.setswitchinterval(state[0] + _MORE)


def _enter(path, rendezvous, state):
    folder = path.rpartition('/')[0]
    loader = folder + '/load.py'
    scope = {'__name__': 'heaphouse_agent_load', '__file__': loader}
    try:
        # Signals are the program's. Not before this thread began: in the program's own, that could run its handlers.
        import _signal
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    except BaseException:
        pass
    try:
        with open(loader) as source:
            code = compile(source.read(), loader, 'exec')
        exec(code, scope)
        scope['start_injected'](rendezvous, lambda: _hurry(state))
    except BaseException:
        pass  # start_injected reports; without load.py there is nobody to report to
    finally:
        scope.clear()
        _put_back(state)
        globals().clear()  # it holds these functions, and they hold it


def _start(state):
    _hurry(state)
    # Not where it is the usual one here: an agent that was leaving when INTERVAL was read has put it back since.
    if state[0] <= _SHORT:
        state[0] = globals().get('INTERVAL', state[0])
    try:
        _thread.start_new_thread(_enter, (sys._getframe().f_code.co_filename, RENDEZVOUS, state))  # noqa: F821
    except BaseException:
        _put_back(state)
        raise


_start([0, 0])  # the last use of a name: the thread takes them all away
