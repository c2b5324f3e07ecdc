"""Code an injector runs inside a target; returns at once.

    exec(compile(open(PATH).read(), PATH, 'exec'),
         {'__name__': 'heaphouse_agent_inject', 'RENDEZVOUS': FOLDER})

The thread that happens to run this may be anywhere, so it only starts another one: loading,
compiling and listening happen there. Only modules that every interpreter has in memory are used.
"""
import _thread
import sys


def _enter(path, rendezvous):
    folder = path.rpartition('/')[0]
    loader = folder + '/load.py'
    scope = {'__name__': 'heaphouse_agent_load', '__file__': loader}
    try:
        with open(loader) as source:
            code = compile(source.read(), loader, 'exec')
        exec(code, scope)
        scope['start_injected'](rendezvous)
    except BaseException:
        pass  # start_injected reports; without load.py there is nobody to report to
    finally:
        scope.clear()


_thread.start_new_thread(_enter, (sys._getframe().f_code.co_filename, RENDEZVOUS))  # noqa: F821
del _enter
