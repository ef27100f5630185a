"""Weights arrive whole or not at all, whatever the network does."""

import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scanclean import _download, weights
from scanclean.errors import WeightsError


def pth(seed):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("archive/data.pkl", random.Random(seed).randbytes(300_000))
    return memory.getvalue()


DATA, OTHER = pth(1), pth(2)
HASH = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2
POLICY = _download.Policy(timeout_s=5, sleep=lambda seconds: None)
HASTY = _download.Policy(timeout_s=0.2, sleep=lambda seconds: None)


# ---------------------------------------------------------------- a server that does as it is told
class Server(ThreadingHTTPServer):
    """Gives the answers of a list, one a request; the last one again and again."""

    daemon_threads = False  # closing waits for them: no socket is left open

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seen, self.closing = [], [], threading.Event()
        self.root = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.root}/w.pth"

    def handle_error(self, request, client_address):
        """The client hung up: that is what some tests want."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        self.server.seen.append((self.path, dict(self.headers)))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *args):
        pass

    def begin(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def whole(data=DATA, tag='"1"', ranges=True, length=True):
    def answer(handler):
        wanted = handler.headers.get("Range")
        fresh = handler.headers.get("If-Range") == tag
        start = int(wanted[6:-1]) if wanted and ranges and fresh else 0
        headers = {"ETag": tag, "Content-Type": "application/octet-stream"}
        if length:
            headers["Content-Length"] = len(data) - start
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.begin(206 if start else 200, **headers)
        handler.wfile.write(data[start:])

    return answer


def cut(size=HALF, tag='"1"'):
    def answer(handler):
        handler.begin(200, ETag=tag, Content_Length=len(DATA))
        handler.wfile.write(DATA[:size])

    return answer


def stall(handler):
    handler.begin(200, ETag='"1"', Content_Length=len(DATA))
    handler.wfile.write(DATA[:HALF])
    handler.server.closing.wait(5)  # set as soon as the test has what it wants


def late(handler):
    handler.server.closing.wait(0.3)  # long enough for a second client to ask, if it would
    whole()(handler)


def status(code, **headers):
    return lambda handler: handler.begin(code, Content_Length=0, **headers)


def page(kind, body):
    def answer(handler):
        handler.begin(200, Content_Type=kind)
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, not made yet, and no wishes of the real environment."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("SCANCLEAN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entry(url, **more):
    row = {"arch": "kbnet", "size_mb": 0.4, "files": {".pth": "far.pth"}}
    return weights.Entry(name="far", summary="", licence="", url=url, **{**row, **more})


@pytest.fixture
def far(server, monkeypatch):
    """The catalogue has one row, "far", with no known checksum."""
    server.answers = [whole()]
    row = entry(server.url)
    monkeypatch.setattr(weights, "CATALOGUE", (row,))
    return row


@pytest.fixture
def far_known(far, monkeypatch):
    """The same with a known checksum."""
    row = entry(far.url, sha256={"far.pth": HASH})
    monkeypatch.setattr(weights, "CATALOGUE", (row,))
    return row


def get(policy=POLICY, **options):
    return weights.resolve("far", policy=policy, **options)


def in_cache(cache):
    return sorted(path.name for path in cache.iterdir() if not path.name.startswith("."))


class Count:
    def __init__(self):
        self.calls, self.done = [], 0

    def start(self, total, unit):
        self.calls.append((total, unit))
        self.done = 0

    def advance(self, n=1):
        self.done += n


# ---------------------------------------------------------------- downloads
def test_first_download_is_pinned_and_said(far, server, cache):
    progress = Count()
    found = get(progress=progress)
    assert (found.path, found.sha256, found.entry) == (cache / "far.pth", HASH, far)
    assert found.path.read_bytes() == DATA
    assert (cache / "far.pth.sha256").read_text() == f"{HASH}  far.pth\n"
    assert "nobody published a checksum" in found.notices[0]
    assert HASH in found.notices[0]
    assert progress.calls == [(len(DATA), "byte")]
    assert progress.done == len(DATA)
    assert in_cache(cache) == ["far.pth", "far.pth.sha256"]
    assert server.seen[0][1]["User-Agent"].startswith("scanclean")
    assert weights.verify()[0].status == "pinned"


def test_good_cached_file_never_touches_the_network(far, server):
    get()
    assert get().notices == ()
    assert weights.pull("far", policy=POLICY)[0].sha256 == HASH
    assert len(server.seen) == 1


def test_known_checksum_is_not_pinned(far_known, cache):
    assert get().notices == ()
    assert in_cache(cache) == ["far.pth"]
    assert weights.verify()[0].status == "good"


@pytest.mark.parametrize("known", [True, False], ids=["known", "pinned"])
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", DATA[:HALF], OTHER])
def test_damaged_cache_is_put_aside_and_fetched_again(
    far, server, cache, monkeypatch, known, content
):
    if known:
        monkeypatch.setattr(weights, "CATALOGUE", (entry(far.url, sha256={"far.pth": HASH}),))
    get()
    (cache / "far.pth").write_bytes(content)
    assert weights.verify()[0].status == "damaged"
    found = get()
    assert found.path.read_bytes() == DATA
    assert "was damaged" in found.notices[0]
    assert (cache / "far.pth.bad").read_bytes() == content
    assert len(server.seen) == 2


def test_wrong_bytes_are_never_used(far_known, server, cache):
    server.answers = [whole(OTHER)]
    with pytest.raises(WeightsError, match=r"not right: its SHA-256 is .*far\.pth\.bad"):
        get()
    assert in_cache(cache) == ["far.pth.bad"]


def test_file_that_changed_since_its_pin_is_refused(far, server, cache):
    get()
    (cache / "far.pth").unlink()
    server.answers = [whole(OTHER)]
    with pytest.raises(WeightsError, match="SHA-256") as caught:
        get()
    assert str(cache / "far.pth.sha256") in caught.value.hint


def test_bytes_that_are_no_weights_are_never_pinned(far, server, cache):
    server.answers = [whole(b"plain words\n" * 99)]
    with pytest.raises(WeightsError, match="no PyTorch file"):
        get()
    assert in_cache(cache) == ["far.pth.bad"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"Welcome to our hotel"),
        ("application/octet-stream", b"<!DOCTYPE html><title>Welcome to our hotel</title>"),
    ],
    ids=["by its type", "by its content"],
)
def test_web_page_is_refused_at_once(far, server, cache, kind, body):
    server.answers = [page(kind, body)]
    with pytest.raises(WeightsError, match="web page instead of the file"):
        get()
    assert len(server.seen) == 1
    assert in_cache(cache) == []


def test_not_found_is_not_tried_again(far, server):
    server.answers = [status(404)]
    with pytest.raises(WeightsError, match=r"far: .*/w\.pth: the server answered 404"):
        get()
    assert len(server.seen) == 1


def test_busy_server_is_asked_again_with_growing_waits(far, server):
    waits = []
    server.answers = [status(503), status(503), whole()]
    policy = _download.Policy(timeout_s=5, sleep=waits.append)
    assert get(policy).sha256 == HASH
    assert waits == [1, 2]


def test_server_that_stays_busy_is_given_up(far, server):
    server.answers = [status(503)]
    with pytest.raises(WeightsError, match=r"answered 503 .*\(4 attempts\)") as caught:
        get()
    assert len(server.seen) == 4
    assert "--weights FILE" in caught.value.hint


def test_no_server_is_an_error_in_plain_words(monkeypatch, cache):
    with Server() as gone:
        url = gone.url
    monkeypatch.setattr(weights, "CATALOGUE", (entry(url),))
    with pytest.raises(WeightsError, match=r"cannot be downloaded .*refused \(4 attempts\)"):
        get()


# ---------------------------------------------------------------- resuming
@pytest.mark.parametrize("first", [cut(), stall], ids=["cut", "stalled"])
def test_broken_download_goes_on_where_it_stopped(far, server, first):
    server.answers = [first, whole()]
    progress = Count()
    assert get(HASTY if first is stall else POLICY, progress=progress).sha256 == HASH
    assert server.seen[1][1]["Range"] == f"bytes={HALF}-"
    assert server.seen[1][1]["If-Range"] == '"1"'
    assert progress.done == len(DATA)


def test_next_run_goes_on_where_the_last_one_stopped(far, server, cache):
    server.answers = [cut()]
    with pytest.raises(WeightsError, match="connection broke after"):
        get(_download.Policy(attempts=1))
    assert (cache / "far.pth.part").stat().st_size == HALF
    server.answers = [whole()]
    assert get().sha256 == HASH
    assert server.seen[1][1]["Range"] == f"bytes={HALF}-"
    assert in_cache(cache) == ["far.pth", "far.pth.sha256"]


@pytest.mark.parametrize(
    "second",
    [whole(ranges=False), whole(tag='"2"'), whole(tag="", length=False)],
    ids=["no ranges", "another version", "no length"],
)
def test_download_starts_over_where_it_cannot_go_on(far, server, second):
    server.answers = [cut(), second]
    assert get().sha256 == HASH
    assert "Range" in server.seen[1][1]


def test_nothing_is_resumed_without_a_version(far, server):
    server.answers = [cut(tag='W/"weak"'), whole()]
    assert get().sha256 == HASH
    assert "Range" not in server.seen[1][1]


@pytest.mark.parametrize(
    "second",
    [status(416), lambda handler: handler.begin(206, Content_Range="bytes 5-9/10")],
    ids=["unsatisfiable", "another part"],
)
def test_useless_part_is_dropped(far, server, second):
    server.answers = [cut(), second, whole()]
    assert get().sha256 == HASH
    assert "Range" not in server.seen[2][1]


def test_bad_bytes_of_an_earlier_run_cost_one_more_download(far_known, server, cache):
    cache.mkdir()
    (cache / "far.pth.part").write_bytes(bytes(HALF))
    (cache / "far.pth.part.tag").write_text('"1"')
    assert get().path.read_bytes() == DATA
    assert [("Range" in headers) for _, headers in server.seen] == [True, False]


# ---------------------------------------------------------------- limits, redirects, proxies
@pytest.mark.parametrize("length", [True, False], ids=["announced", "silent"])
def test_file_much_too_large_is_refused(far, server, cache, length):
    server.answers = [whole(DATA * 4, length=length)]
    with pytest.raises(WeightsError, match="far more|not right"):
        get()
    assert not (cache / "far.pth").exists()
    assert sum(path.stat().st_size for path in cache.iterdir()) < 4 * len(DATA)


def test_redirect_is_followed(far, server):
    server.answers = [status(302, Location="/elsewhere"), whole()]
    assert get().sha256 == HASH
    assert [path for path, _ in server.seen] == ["/w.pth", "/elsewhere"]


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/w.pth"])
def test_redirect_out_of_the_web_is_refused(far, server, target):
    server.answers = [status(302, Location=target)]
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        get()
    assert len(server.seen) == 1


def test_redirect_from_https_to_http_is_refused():
    request = urllib.request.Request("https://example.org/w.pth")
    with (
        pytest.raises(urllib.error.HTTPError, match="unsafe redirect") as caught,
        io.BytesIO() as body,
    ):
        _download._SafeRedirects().redirect_request(
            request, body, 302, "Found", {}, "http://example.org/w.pth"
        )
    caught.value.close()


def test_proxy_of_the_environment_is_used(far, server, monkeypatch):
    monkeypatch.setattr(weights, "CATALOGUE", (entry("http://weights.invalid/w.pth"),))
    monkeypatch.setenv("http_proxy", server.root)
    assert get().sha256 == HASH
    assert server.seen[0][0] == "http://weights.invalid/w.pth"


# ---------------------------------------------------------------- folders and neighbours
def test_cache_that_cannot_be_written_is_not_taken_for_the_network(far, server, cache):
    (cache / "far.pth.part").mkdir(parents=True)
    with pytest.raises(WeightsError, match="cannot store far.pth"):
        get()
    assert len(server.seen) == 1


def test_two_threads_share_one_download(far, server):
    server.answers = [late]
    both = threading.Barrier(2)

    def one():
        both.wait()
        return get().sha256

    with ThreadPoolExecutor(2) as pool:
        assert [f.result() for f in [pool.submit(one), pool.submit(one)]] == [HASH, HASH]
    assert len(server.seen) == 1


def test_two_processes_share_one_download(far, server, cache):
    server.answers = [late]
    code = (
        "from scanclean import weights as w\n"
        f"row = w.Entry('far', '', '', 'kbnet', 0.4, {{'.pth': 'far.pth'}}, {{}}, {far.url!r})\n"
        "w.CATALOGUE = (row,)\n"
        "print(w.resolve('far').sha256)"
    )
    command = [sys.executable, "-c", code]
    root = Path(weights.__file__).parents[1]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in started] == [HASH, HASH]
    assert len(server.seen) == 1
    assert in_cache(cache) == ["far.pth", "far.pth.sha256"]


def test_without_locks_a_private_part_is_used(far_known, server, cache, monkeypatch):
    monkeypatch.setattr(_download, "_lock", lambda file: False)
    cache.mkdir()
    (cache / "far.pth.part").write_bytes(b"a neighbour's")
    server.answers = [cut(), whole()]
    assert get().path.read_bytes() == DATA
    assert "Range" in server.seen[1][1]
    assert in_cache(cache) == ["far.pth", "far.pth.part"]
    assert (cache / "far.pth.part").read_bytes() == b"a neighbour's"
    assert not list(cache.glob(".*.part*"))


def test_without_locks_a_failure_leaves_nothing(far, server, cache, monkeypatch):
    monkeypatch.setattr(_download, "_lock", lambda file: False)
    server.answers = [cut()]
    with pytest.raises(WeightsError, match="connection broke"):
        get()
    assert in_cache(cache) == []
    assert not list(cache.glob(".*.part*"))
