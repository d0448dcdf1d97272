"""A loopback server of a small model, which tests disturb."""

import base64
import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import torch

LABELS = ("anger", "joy", "neutral")
RATE = 1000
WEIGHTS = torch.randn(RATE, len(LABELS), generator=torch.Generator().manual_seed(0))


def logits(waveforms, lengths):
    """Return the logits of a linear model, which classifies every clip of up to a second alone."""
    rows = zip(waveforms, lengths.tolist(), strict=True)
    return torch.stack([(clip[:length, None] * WEIGHTS[:length]).sum(0) for clip, length in rows])


def answer(clips):
    return {"logits": [logits(clip[None], torch.tensor([len(clip)]))[0].tolist() for clip in clips]}


class Server(ThreadingHTTPServer):
    """A server that counts what it is asked, and misbehaves as its attributes say.

    Attributes:
        card: Answer to GET; None for a server that does not describe its model.
        answer: Function from clips to the answer to POST.
        body: Bytes that are sent instead of the answer.
        statuses: Status of the next refusals.
        headers: Further headers of all answers.
        pause: Seconds before each byte of an answer.
        answers_left: Number of clips after which the server breaks off.
    """

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.card = {"labels": LABELS, "sample_rate": RATE, "version": "1"}
        self.answer, self.body = answer, None
        self.statuses, self.headers = [], {}
        self.pause, self.answers_left = 0.0, 10**6
        self.requests, self.clips, self.authorizations = [], [], []
        self.url = f"http://127.0.0.1:{self.server_port}/emotion"
        threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.authorizations.append(self.headers["Authorization"])
        found = self.server.card is not None
        self.send(200 if found else 405, json.dumps(self.server.card).encode())

    def do_POST(self):
        server, question = self.server, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sounds = [np.frombuffer(base64.b64decode(text), "<f4") for text in question["waveforms"]]
        server.requests.append(question)
        if server.answers_left < len(sounds):
            return
        if server.statuses:
            self.send(server.statuses.pop(0), b"Try again.")
            return
        server.answers_left -= len(sounds)
        server.clips += [sound.tobytes() for sound in sounds]
        clips = [torch.from_numpy(sound.copy()) for sound in sounds]
        self.send(200, json.dumps(server.answer(clips)).encode() if server.body is None else server.body)

    def send(self, status, body):
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        size = 1 if self.server.pause else len(body)
        for start in range(0, len(body), size or 1):
            if self.server.pause:
                time.sleep(self.server.pause)
            with contextlib.suppress(ConnectionError):  # the client may have gone
                self.wfile.write(body[start : start + size])

    def log_message(self, *args):
        pass
