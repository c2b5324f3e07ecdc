"""The CDP `Runtime` domain: evaluating in `__main__` and looking at values, when asked."""
from . import remote, workers
from .compat import os, sys
from .faults import LATER, SERVER, Fault, param
from .fields import accessors, entries
from .static import module_dict

CONTEXT = 1
SOURCE = '<heaphouse console>'


def _objects(session):
    if session.remote is None:
        session.remote = remote.Objects()
    return session.remote


def _globals():
    module = sys.modules.get('__main__')
    namespace = module_dict(module) if type(module) is type(sys) else None
    if type(namespace) is not dict:
        raise Fault(SERVER, 'the program has no __main__ module')
    return namespace


def _held(session, handle):
    try:
        return _objects(session).find(handle)
    except KeyError:
        raise Fault(SERVER, 'Could not find object with given id')


def enable(session, params, number):
    if 'runtime' not in session.enabled:
        session.enabled.add('runtime')
        session.event('Runtime.executionContextCreated', {'context': {
            'id': CONTEXT, 'origin': '', 'name': '__main__',
            'uniqueId': '%d.1' % os.getpid(), 'auxData': {'isDefault': True}}})
    return {}


def disable(session, params, number):
    session.enabled.discard('runtime')
    return {}


def _run(session, number, group, work):
    """Runs `work()` (the program's code) on a thread of its own and answers with its value."""
    agent, objects = session.agent, _objects(session)

    def body():
        try:
            value = work()
            result = {'result': objects.describe(value, group, True)}
            value = None  # who counts references right after the answer must not find this frame's
        except BaseException as error:
            result = {'result': objects.describe(error, group),
                      'exceptionDetails': remote.exception_details(objects, error, group)}
            error.__traceback__ = None

        def answer():
            if not session.connection.gone:
                session.answer(number, result)
        agent.post(answer)
    workers.spawn(body, True)
    return LATER


def evaluate(session, params, number):
    source = param(params, 'expression', str, required=True)
    group = param(params, 'objectGroup', str, '')
    if params.get('throwOnSideEffect') is True:
        # DevTools' eager evaluation while typing: nothing in Python can promise no side effect.
        raise Fault(SERVER, 'cannot evaluate without side effects')
    namespace = _globals()

    def work():
        try:
            code = compile(source, SOURCE, 'eval', 0, True)
        except SyntaxError:
            exec(compile(source, SOURCE, 'exec', 0, True), namespace)
            return None
        return eval(code, namespace)
    return _run(session, number, group, work)


def call_function_on(session, params, number):
    """functionDeclaration is a Python expression for a callable; it gets the object first."""
    source = param(params, 'functionDeclaration', str, required=True)
    handle = param(params, 'objectId', str)
    target = [_held(session, handle)] if handle is not None else []
    arguments = []
    for entry in param(params, 'arguments', list, []):
        if type(entry) is not dict:
            raise Fault(-32602, "'arguments' must hold objects")
        if 'objectId' in entry:
            arguments.append(_held(session, entry['objectId']))
        else:
            arguments.append(entry.get('value'))
    namespace = _globals()
    group = param(params, 'objectGroup', str, '')
    return _run(session, number, group,
                lambda: eval(compile(source, SOURCE, 'eval', 0, True), namespace)(
                    *(target + arguments)))


def get_properties(session, params, number):
    value = _held(session, param(params, 'objectId', str, required=True))
    objects = _objects(session)
    result = []
    if not params.get('accessorPropertiesOnly'):
        for name, item in entries(value):
            result.append({'name': name, 'value': objects.describe(item, ''), 'writable': False,
                           'configurable': False, 'enumerable': True, 'isOwn': True})
    if not params.get('ownProperties') or params.get('accessorPropertiesOnly'):
        for name, item in accessors(value):
            result.append({'name': name, 'get': objects.describe(item, ''),
                           'configurable': False, 'enumerable': False, 'isOwn': False})
    cls = {'name': '__class__', 'value': objects.describe(type(value), '')}
    return {'result': result, 'internalProperties': [cls]}


def release_object(session, params, number):
    _objects(session).release(param(params, 'objectId', str, required=True))
    return {}


def release_object_group(session, params, number):
    _objects(session).release_group(param(params, 'objectGroup', str, required=True))
    return {}


def get_heap_usage(session, params, number):
    usage = session.agent.meter.read()
    return {'usedSize': usage['heapUsedBytes'], 'totalSize': usage['heapTotalBytes'],
            'embedderHeapUsedSize': 0, 'backingStorageSize': 0}


def run_if_waiting(session, params, number):
    session.answer(number, {})  # before the program goes on: it may be a short one
    session.agent.release()
    return LATER


def get_isolate_id(session, params, number):
    return {'id': 'python-%d' % os.getpid()}


METHODS = {
    'Runtime.enable': enable,
    'Runtime.disable': disable,
    'Runtime.evaluate': evaluate,
    'Runtime.callFunctionOn': call_function_on,
    'Runtime.getProperties': get_properties,
    'Runtime.releaseObject': release_object,
    'Runtime.releaseObjectGroup': release_object_group,
    'Runtime.getHeapUsage': get_heap_usage,
    'Runtime.runIfWaitingForDebugger': run_if_waiting,
    'Runtime.getIsolateId': get_isolate_id,
}
