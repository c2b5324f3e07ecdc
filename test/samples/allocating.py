"""Serves made-up requests: every answer is rendered and dropped, every session is kept."""
import json
import time

SESSIONS = {}


def load_profile(user):
    return {'user': user, 'roles': ['reader', 'writer'], 'avatar': bytearray(8000)}


def remember(user):
    SESSIONS[user] = {'profile': load_profile(user), 'history': ['/page/%d' % n for n in range(20)]}


def render(user):
    rows = [{'id': n, 'title': 'row %d of %d' % (n, user)} for n in range(50)]
    return json.dumps({'user': user, 'rows': rows})


def handle(user):
    if user not in SESSIONS:
        remember(user)
    return len(render(user))


def main():
    print('serving', flush=True)
    user = 0
    while True:
        for _ in range(20):
            user += 1
            handle(user)
        time.sleep(0.02)


main()
