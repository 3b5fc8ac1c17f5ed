"""Deliver events to the deployed functions in random order, under kills, outages, and errors that last."""

import http.client
import io
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import numpy as np
import soundfile
from chaos.reference import Content, Event
from push_requests import push
from recordings import example
from stack.services import ROOT, free_port, process

POISON = (b"Dear customer, this is a letter.\n" * 20, b"", b"RIFF\x24\x00\x00\x00WAVEfmt ", bytes(2000))


class Proxy:
    """A proxy in front of a service, which can be down, and which denies objects with a name part."""

    def __init__(self, url, denied="denied"):
        self.is_down = threading.Event()
        proxy, backend = self, urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.is_down.is_set():
                    return self._answer(503, b"{}", [])
                if denied in unquote(self.path):
                    return self._answer(403, b"{}", [])
                connection = http.client.HTTPConnection(backend, timeout=60)
                try:
                    headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                    connection.request(self.command, self.path, body, headers)
                    answer = connection.getresponse()
                    return self._answer(answer.status, answer.read(), answer.getheaders())
                except OSError:
                    return self._answer(503, b"{}", [])
                finally:
                    connection.close()

            def _answer(self, status, body, headers):
                self.send_response(status)
                for key, value in headers:
                    if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # the function was killed
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _forward  # noqa: N815 - names of http.server

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                """Print nothing: a killed function closes its connections."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Function:
    """A function in a process that can be killed and restarted."""

    def __init__(self, target, logs, environment):
        self._target, self._logs, self._environment = target, logs, environment
        self._stack, self._child, self.url = None, None, ""
        self.start()

    def start(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "functions_framework", "--source", ROOT / "functions/main.py"),
            *("--target", self._target, "--host", "127.0.0.1", "--port", port),
        ]
        self._stack = ExitStack()
        log = self._logs / f"{self._target}.log"
        self._child = self._stack.enter_context(
            process(f"function {self._target}", command, f"{url}/favicon.ico", log, **self._environment)
        )
        self.url = url

    def kill(self):
        os.killpg(self._child.pid, signal.SIGKILL)
        self.stop()

    def stop(self):
        self._stack.close()

    def deliver(self, body):
        """Return the status of a push request, or 0 without an answer."""
        request = urllib.request.Request(self.url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


class Chaos:
    """Operations on a bucket, and the delivery of their events.

    Parameters
    ----------
    bucket : storage.Bucket
        The bucket.
    functions : dict of str to Function
        analyze, erase, and dead_letter.
    proxies : sequence of Proxy
        In front of Cloud Storage and BigQuery.
    seed : int
        Seed of all random choices.
    """

    def __init__(self, bucket, functions, proxies, seed):
        self.bucket, self.functions, self.proxies = bucket, functions, proxies
        self.random = random.Random(seed)
        self.events, self.counts = [], Counter()
        self._live, self._restart = {}, threading.Lock()

    def operate(self, objects, operations, first):
        """Upload, overwrite, and delete objects at random; remember the events."""
        for number in range(first, first + operations):
            content = self.random.choices(list(Content), [8, 2, 1])[0]
            name = f"{number % objects}.wav"
            if name in self._live and self.random.random() < 0.25:
                generation, before = self._live.pop(name)
                self.bucket.blob(name).delete()
                self.events.append(Event(name, generation, "OBJECT_DELETE", before))
                self.counts["deleted objects"] += 1
                continue
            if content is Content.DENIED and name not in self._live:
                name = f"denied-{number}.wav"
            elif content is Content.DENIED:
                content = Content.POISON
            blob = self.bucket.blob(name)
            data = self.random.choice(POISON) if content is Content.POISON else _call(number)
            blob.upload_from_string(data)
            overwrote = None
            if name in self._live:
                overwrote, before = self._live[name]
                self.events.append(Event(name, overwrote, "OBJECT_DELETE", before, overwritten_by=blob.generation))
                self.counts["overwritten objects"] += 1
            # Some events are dead-lettered although their recording is good.
            dead = content is Content.DENIED or self.random.random() < 0.02
            self.events.append(Event(name, blob.generation, "OBJECT_FINALIZE", content, overwrote, is_dead_letter=dead))
            self._live[name] = blob.generation, content
            self.counts["poison files"] += content is Content.POISON
            self.counts["uploads"] += 1

    def deliver(self, events, *, until, threads=4):
        """Deliver events in random order, most of them several times, with kills and outages until a time."""
        repeated = self.random.sample(self.events, min(len(self.events), 10))  # also much later
        deliveries = [event for event in events for _ in range(self.random.choice((1, 2, 3)))] + repeated
        self.random.shuffle(deliveries)
        done = threading.Event()
        trouble = threading.Thread(target=self._make_trouble, args=(done, until))
        trouble.start()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._deliver_until_acknowledged, deliveries))
        done.set()
        trouble.join()
        self.counts["deliveries"] += len(deliveries)

    def _make_trouble(self, done, until):
        random_ = random.Random(self.random.random())
        while not done.wait(random_.uniform(2, 6)) and time.monotonic() < until:
            if random_.random() < 0.5:
                proxy = random_.choice(self.proxies)
                proxy.is_down.set()
                done.wait(random_.uniform(0.5, 3))
                proxy.is_down.clear()
                self.counts["outages"] += 1
            else:
                name = random_.choice(("analyze", "analyze", "erase"))
                with self._restart:
                    self.functions[name].kill()
                    self.functions[name].start()
                self.counts["kills"] += 1

    def _deliver_until_acknowledged(self, event):
        body = _push_body(event, self.bucket.name)
        if event.kind == "OBJECT_DELETE":
            return self._retry("erase", body)
        if not event.is_dead_letter:
            return self._retry("analyze", body)
        if event.content is Content.DENIED:
            for _ in range(5):
                self.functions["analyze"].deliver(body)
                self.counts["attempts"] += 1
        self.counts["dead letters"] += 1
        return self._retry("dead_letter", body)

    def _retry(self, name, body):
        while self.functions[name].deliver(body) != 204:
            self.counts["attempts"] += 1
            time.sleep(0.3)
        self.counts["attempts"] += 1


def _call(number):
    """Return two seconds of a call. Each differs, because copies of the same bytes count as one call."""
    audio, rate = soundfile.read(example(1001), start=1000 * (number % 60), frames=2 * 8000)
    audio[-16:] = np.array([[bit, 0] for bit in f"{number:016b}"], float) / 2
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="WAV", subtype="ULAW")
    return file.getvalue()


def _push_body(event, bucket):
    attributes = {
        "eventType": event.kind,
        "bucketId": bucket,
        "objectId": event.name,
        "objectGeneration": str(event.generation),
    }
    if event.overwrote:
        attributes["overwroteGeneration"] = str(event.overwrote)
    if event.overwritten_by:
        attributes["overwrittenByGeneration"] = str(event.overwritten_by)
    return push(attributes)
