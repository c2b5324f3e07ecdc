"""Heaphouse agent: lets a workbench look into this process over the Chrome DevTools Protocol.

    import heaphouse_agent
    url = heaphouse_agent.start()        # ws://127.0.0.1:PORT/TOKEN
    heaphouse_agent.stop()

Standard library only, CPython 3.8 and newer. See README.md beside this package.
"""
import sys

VERSION = '0.1.0'

# In the order they may import each other: the path-free loader runs them one by one.
PARTS = ('compat', 'codec', 'static', 'rendezvous', 'httpio', 'websocket', 'wake', 'cfuncs', 'own',
         'gcnative', 'gcevents', 'allocators', 'selfmemory', 'memory', 'workers', 'waiting', 'sizes', 'naming',
         'sink', 'containers', 'instances', 'internals', 'roots', 'walk', 'residue', 'writer',
         'probes', 'native', 'forking', 'sampling', 'recording', 'snapshot', 'fields', 'remote',
         'faults', 'profiles', 'cpusampling', 'domainprofiler',
         'referrers', 'linetrace', 'garbage', 'domainruntime', 'domainheap', 'domainmemory',
         'domainrefs', 'domainpython', 'dispatch', 'peer', 'server', 'undo', 'lifecycle')


def start(rendezvous=None, port=0, origin='program', wait=False):
    """Starts the agent (once per process) and returns its WebSocket address.

    rendezvous: folder in which `<pid>.json` is written, or None.
    port: loopback TCP port, 0 for any free one.
    origin: 'program', 'launch' or 'inject'; the last two clean up by themselves when the
        rendezvous folder is gone.
    wait: block (at most 30 s) until a client sends Runtime.runIfWaitingForDebugger.
    """
    if sys.version_info < (3, 8):
        raise RuntimeError('the Heaphouse agent needs CPython 3.8 or newer')
    if sys.implementation.name != 'cpython':
        raise RuntimeError('the Heaphouse agent needs CPython')
    from . import cfuncs
    if not cfuncs.in_main_interpreter():
        raise RuntimeError('the Heaphouse agent runs in the main interpreter only: this is a subinterpreter')
    from . import lifecycle
    return lifecycle.start(rendezvous, port, origin, wait)


def stop():
    """Takes the agent out of this process: thread, socket, hooks, files, modules."""
    from . import lifecycle
    lifecycle.stop()
