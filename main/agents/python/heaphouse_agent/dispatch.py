"""One client's session: JSON-RPC in, results, errors and events out."""
from . import (cpusampling, domainheap, domainmemory, domainprofiler, domainpython, domainrefs,
               domainruntime)
from .faults import INTERNAL, INVALID, LATER, PARAMS, UNKNOWN, Fault


class Session(object):
    def __init__(self, agent, connection):
        self.agent = agent
        self.connection = connection
        self.enabled = set()
        self.remote = None  # remote.Objects, made on first use
        self.cpu_interval_us = cpusampling.DEFAULT_INTERVAL_US

    def handle(self, message):
        """Answers one decoded message, whatever it is."""
        if type(message) is not dict or type(message.get('id')) is not int:
            self.connection.send({'error': {
                'code': INVALID, 'message': "Message must have integer 'id' property"}})
            return
        number = message['id']
        method, params = message.get('method'), message.get('params', {})
        if type(method) is not str:
            self.fail(number, INVALID, "Message must have string 'method' property")
            return
        if type(params) is not dict:
            self.fail(number, PARAMS, "'params' must be an object")
            return
        if 'sessionId' in message:
            self.fail(number, -32001, 'Session with given id not found.')
            return
        handler = METHODS.get(method)
        if handler is None:
            self.fail(number, UNKNOWN, "'%s' wasn't found" % method[:200])
            return
        try:
            result = handler(self, params, number)
        except Fault as fault:
            self.fail(number, fault.code, str(fault))
        except Exception as error:
            self.fail(number, INTERNAL, 'agent error in %s: %s: %s'
                      % (method, type(error).__name__, error))
        else:
            if result is not LATER:
                self.answer(number, result)

    def answer(self, number, result):
        self.connection.send({'id': number, 'result': result})

    def fail(self, number, code, text):
        self.connection.send({'id': number, 'error': {'code': code, 'message': text}})

    def event(self, method, params):
        self.connection.send({'method': method, 'params': params})

    def end(self):
        """The client is gone."""
        if 'gc' in self.enabled:
            self.agent.gc.disable()
        domainprofiler.leave(self)
        self.enabled.clear()
        self.remote = None


def get_domains(session, params, number):
    found = sorted(set([name.partition('.')[0] for name in METHODS]))
    return {'domains': [{'name': n, 'version': '1.3'} for n in found]}


METHODS = {'Schema.getDomains': get_domains}
METHODS.update(domainruntime.METHODS)
METHODS.update(domainheap.METHODS)
METHODS.update(domainprofiler.METHODS)
METHODS.update(domainpython.METHODS)
METHODS.update(domainmemory.METHODS)
METHODS.update(domainrefs.METHODS)
