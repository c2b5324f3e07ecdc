"""Sampling over time: allocations (`HeapProfiler.startSampling` …) and the CPU (`Profiler`); and
what DevTools sends to any target and we have nothing for: answered, and nothing else."""
from . import cpusampling, profiles, recording, sampling, websocket, workers
from .codec import encode
from .faults import LATER, PARAMS, SERVER, Fault, param


def integer(params, name, default, least, most):
    """A whole number; JSON of other clients may hold 32768.0."""
    value = params.get(name)
    if type(value) is float and value == int(value):
        value = int(value)
    value = default if value is None else value
    if type(value) is not int or not least <= value <= most:
        raise Fault(PARAMS, "'%s' must be a whole number from %d to %d" % (name, least, most))
    return value


def answer_text(session, number, text):
    """Answers with a result that is text already."""
    if not session.connection.gone:
        session.connection.send_bytes(websocket.frame(
            ('{"id":%d,"result":%s}' % (number, text)).encode('ascii')))


def start_sampling(session, params, number):
    interval = integer(params, 'samplingInterval', sampling.DEFAULT_INTERVAL,
                       sampling.MIN_INTERVAL, sampling.MAX_INTERVAL)
    depth = integer(params, 'stackDepth', sampling.DEFAULT_DEPTH, 1, sampling.MAX_DEPTH)
    collected = (param(params, 'includeObjectsCollectedByMajorGC', bool, False)
                 or param(params, 'includeObjectsCollectedByMinorGC', bool, False))
    if sampling.running():
        raise Fault(SERVER, 'allocations are being sampled already')
    try:
        sampling.start(session, interval, depth)
    except ValueError as refused:
        raise Fault(SERVER, str(refused))
    sampling.State.collected = collected
    return {}


def send_profile(session, number, taken, state):
    collected = sampling.State.collected

    def body():
        text = '{"profile":%s}' % profiles.heap_profile(taken, collected, encode(state))
        session.agent.post(lambda: answer_text(session, number, text), len(text))
    workers.spawn(body)
    return LATER


def taken_of(session):
    if sampling.State.session is not session:
        raise Fault(SERVER, 'no sampling of allocations was started by this client')
    return sampling.Taken(), sampling.counts()


def get_sampling_profile(session, params, number):
    return send_profile(session, number, *taken_of(session))


def stop_sampling(session, params, number):
    taken, state = taken_of(session)
    sampling.leave()
    return send_profile(session, number, taken, state)


def set_sampling_interval(session, params, number):
    session.cpu_interval_us = integer(params, 'interval', None, cpusampling.MIN_INTERVAL_US,
                                      10000000)
    return {}


def profiler_start(session, params, number):
    if session.agent.cpu is not None:
        raise Fault(SERVER, 'the CPU is being sampled already')
    session.agent.cpu = cpusampling.Sampler(session, session.cpu_interval_us,
                                            session.agent.main_ident)
    session.agent.cpu.start()
    return {}


def profiler_stop(session, params, number):
    agent = session.agent
    sampler = agent.cpu
    if sampler is None or sampler.session is not session:
        raise Fault(SERVER, 'No recording profiles found')

    def body():
        sampler.stop()
        sampler.ended.acquire()
        text = '{"profile":%s}' % sampler.profile()

        def answer():
            agent.cpu = None
            answer_text(session, number, text)
        agent.post(answer, len(text))
    workers.spawn(body)
    return LATER


def profiler_disable(session, params, number):
    end_cpu(session)
    return {}


def end_cpu(session):
    agent = session.agent
    if agent.cpu is not None and agent.cpu.session is session:
        agent.cpu.stop()
        agent.cpu = None


def leave(session):
    """The client is gone."""
    end_cpu(session)
    if sampling.State.session is session:
        sampling.leave()
    if recording.owner() is session:
        recording.stop()


def nothing(session, params, number):
    return {}


def debugger_enable(session, params, number):
    """There is no debugger; DevTools waits for this answer before it works with a target."""
    return {'debuggerId': 'python-%d' % session.agent.waker.pid}


METHODS = {
    'HeapProfiler.startSampling': start_sampling,
    'HeapProfiler.getSamplingProfile': get_sampling_profile,
    'HeapProfiler.stopSampling': stop_sampling,
    'Profiler.enable': nothing,
    'Profiler.disable': profiler_disable,
    'Profiler.setSamplingInterval': set_sampling_interval,
    'Profiler.start': profiler_start,
    'Profiler.stop': profiler_stop,
    'Debugger.enable': debugger_enable,
    'Debugger.disable': nothing,
}
