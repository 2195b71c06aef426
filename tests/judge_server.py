"""A real HTTP server on this machine that answers like an OpenAI-compatible endpoint, and misbehaves as planned."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet(ThreadingHTTPServer):
    """Says nothing when a caller has gone away."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def chat(*texts, finish="stop", usage=None, logprobs=None):
    """The body of a chat answer with these choices."""
    choices = [
        {"index": n, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        for n, text in enumerate(texts)
    ]
    if logprobs:
        for choice in choices:
            choice["logprobs"] = {"content": [{"token": "x", "logprob": value} for value in logprobs]}
    return json.dumps(
        {"choices": choices, **({"usage": {"total_tokens": usage}} if usage is not None else {})}
    ).encode()


class JudgeServer:
    """`answer(body)` makes the bytes of an answer; `plan` holds what comes before: a status, bytes, or a function of
    the handler that writes whatever it likes. `asked` holds (body, headers) of all requests."""

    def __init__(self, answer):
        self.asked, self.plan, self.answer, outer = [], [], answer, self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.asked.append((body, dict(self.headers)))
                    planned = outer.plan.pop(0) if outer.plan else None
                if callable(planned):
                    planned(self)
                    self.close_connection = True
                    return
                planned = outer.answer(body) if planned is None else planned
                self.reply(*((planned, b"") if isinstance(planned, int) else (200, planned)))

            def reply(self, status, content, **headers):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def hang_up(handler):
    """Closes the connection without a word."""
