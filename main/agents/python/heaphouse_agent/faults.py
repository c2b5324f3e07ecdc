"""Error answers, and reading the parameters of a request."""

INVALID, UNKNOWN, PARAMS, INTERNAL, SERVER = -32600, -32601, -32602, -32603, -32000


class Fault(Exception):
    """An error answer with a CDP code."""

    def __init__(self, code, text):
        Exception.__init__(self, text)
        self.code = code


LATER = object()  # a method returns this when it answers through `session.answer` itself


def param(params, name, kind, default=None, required=False):
    """A parameter of the wanted type, or a -32602 fault."""
    value = params.get(name)
    if value is None:
        if required:
            raise Fault(PARAMS, "'%s' is missing" % name)
        return default
    if type(value) is not kind:
        raise Fault(PARAMS, "'%s' must be %s" % (name, {
            str: 'a string', int: 'an integer', bool: 'a boolean', list: 'an array',
            dict: 'an object'}[kind]))
    return value
