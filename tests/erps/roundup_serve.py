"""Serves a Roundup tracker over WSGI, because `roundup-server` refuses to run as root.

VENV/bin/python tests/erps/roundup_serve.py TRACKER PORT
"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher  # type: ignore[import-not-found]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


make_server(
    "127.0.0.1", int(sys.argv[2]), RequestDispatcher(sys.argv[1]), server_class=Server
).serve_forever()
