"""Questions to a model behind HTTP: any OpenAI-compatible endpoint, for chat, completions or moderation.

    client = Client(Endpoint("http://127.0.0.1:8000/v1/chat/completions", model="m", cache="answers.jsonl"))
    client.estimate(requests)                   # what it will take, before anything is asked
    client.generate(requests)                   # [(Sample, ...) or Failure] in the order of the requests
    client.ask(requests, read=..., kept_as=...) # the same with a reader of your own

Nothing is made up: a refused, late, partial, malformed or HTML answer is a Failure with its reason, and the caller
says which documents it could not look at. Each question is paid once: what was read from its answer is kept in an
append-only file under the hash of endpoint and question, so that a run that was killed goes on where it stopped.
A connection is opened only when a policy names a URL; see wire.py for where it may not go. Keys come from the
environment alone.
"""

from __future__ import annotations

import hashlib
import http.client
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import orjson

from auditkit.endpoint import wire
from auditkit.endpoint.kept import Failure, Kept
from auditkit.endpoint.wire import mistakes
from auditkit.errors import AuditkitError, ConfigError

__all__ = ["Client", "Endpoint", "Estimate", "Failure", "Request", "Sample", "mistakes", "total"]

T = TypeVar("T")

AGAIN = frozenset([408, 409, 425, 429, 500, 502, 503, 504])  # RFC 9110 and 6585: answers worth another try
HOPELESS = frozenset([401, 402, 403, 404, 405])  # the same for every question: nothing more is asked
UNSENT = (ConnectionRefusedError, socket.gaierror)  # after any other trouble the question may have been paid for
MAX_FAILED_IN_A_ROW = 8  # questions without an answer after all tries: the server is taken to be down
MAX_WAIT_S = 120.0  # the longest Retry-After that is waited for
BYTES_PER_TOKEN = 4  # of English under the usual tokenisers; estimates err by some tenths
TOKENS_PER_MESSAGE = 8  # role and separators of chat templates


@dataclass(frozen=True)
class Endpoint:
    """Where and how to ask.

    url: in full ("https://host/v1/chat/completions"). hosts: the only ones allowed (none named: that of the URL); the
    environment variable AUDITKIT_HOSTS (names with commas) narrows them further, whatever a policy says.
    key_variable: environment variable with the key, "" = none. cache: file of answers, "" = kept in memory alone.
    timeout_s: of one try, wall time. tries: of one question. backoff_s: wait before the second try; it doubles, or is
    what the server asks for. concurrency: questions under way. per_second: most requests a second of this process,
    0 = any.
    budget_tokens: most tokens, in and out, over all answers in the cache file, whoever asked; 0 = any. What is under
    way in other processes is not seen: each of them may overdraw by `concurrency` questions.
    """

    url: str
    model: str
    api: Literal["chat", "completions", "moderation"] = "chat"
    hosts: tuple[str, ...] = ()
    key_variable: str = ""
    cache: str = ""
    timeout_s: float = 60.0
    tries: int = 4
    backoff_s: float = 0.5
    concurrency: int = 4
    per_second: float = 0.0
    budget_tokens: int = 0


@dataclass(frozen=True)
class Request:
    """One question. Equal questions are asked once: give samples that must differ another seed, or ask for n of them.

    schema: JSON schema that a chat answer must follow, where the server can enforce it; readers still check it.
    """

    text: str
    system: str = ""
    n: int = 1
    temperature: float = 0.0
    seed: int | None = None
    max_tokens: int = 256
    logprobs: bool = False
    stop: tuple[str, ...] = ()
    schema: Mapping[str, object] | None = None


class Sample(NamedTuple):
    """One answer to a question. finish: "stop", "length" (cut off) ...; logprob: sum over n_tokens tokens, or None."""

    text: str
    finish: str
    logprob: float | None = None
    n_tokens: int | None = None


class Estimate(NamedTuple):
    """What questions will take at most: how many are new, how many are kept, tokens in (about) and out (at most)."""

    n_new: int
    n_kept: int
    tokens_in: int
    tokens_out: int

    def price(self, per_million_in: float, per_million_out: float) -> float:
        """In the currency of the two prices per million tokens."""
        return (self.tokens_in * per_million_in + self.tokens_out * per_million_out) / 1e6


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Their sum; questions that two of them share count twice."""
    return Estimate(*(sum(column) for column in zip(Estimate(0, 0, 0, 0), *estimates, strict=True)))


class Client:
    """Asks one endpoint. Holds the pace, the kept answers and whether going on is of use; threads may share it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """ConfigError when the address is wrong or not allowed, or a budget has no file to be counted in."""
        allowed = [name.strip() for name in os.environ.get("AUDITKIT_HOSTS", "").split(",") if name.strip()]
        wrong = [*mistakes(endpoint.url, endpoint.hosts), *(mistakes(endpoint.url, allowed) if allowed else ())]
        if endpoint.budget_tokens and not endpoint.cache:
            wrong.append("budget_tokens needs cache, the file in which all processes count")
        if wrong:
            raise ConfigError(f"endpoint {_shown(endpoint.url)}: {'; '.join(dict.fromkeys(wrong))}")
        self.endpoint = endpoint
        self.kept = Kept(endpoint.cache)
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._failed_in_a_row = 0
        self._stopped = ""

    def generate(self, requests: Sequence[Request]) -> list[tuple[Sample, ...] | Failure]:
        """The samples of each question, at most its n: a server may give fewer."""
        found = self.ask(requests, read=read_samples, kept_as="samples 1")
        return [said if isinstance(said, Failure) else tuple(Sample(*row) for row in said) for said in found]

    def ask(
        self, requests: Sequence[Request], *, read: Callable[[Mapping[str, Any]], T], kept_as: str
    ) -> list[T | Failure]:
        """What `read` makes of each answer, or why there is none, in the order of the requests.

        read: from the endpoint's JSON object to something that JSON can hold (lists, no tuples, not null); ValueError,
        KeyError, IndexError, TypeError or AttributeError = malformed. kept_as: the reader and its version in the cache.
        """
        bodies = [orjson.dumps(self._body(request), option=orjson.OPT_SORT_KEYS) for request in requests]
        keys = [self._key(body, kept_as) for body in bodies]
        asked = dict(zip(keys, zip(bodies, requests, strict=True), strict=True))
        pool, ended = ThreadPoolExecutor(self.endpoint.concurrency), threading.Event()
        try:
            answers = pool.map(lambda key: self._answer(key, *asked[key], read, ended), asked)
            found: dict[str, T | Failure] = dict(zip(asked, answers, strict=True))
        finally:  # a deadline waits neither for answers under way nor for those who sleep before they ask again
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return [found[key] for key in keys]

    def estimate(self, requests: Sequence[Request], *, kept_as: str = "samples 1") -> Estimate:
        """What these questions will take; nothing is asked."""
        bodies = {
            self._key(orjson.dumps(self._body(request), option=orjson.OPT_SORT_KEYS), kept_as): request
            for request in requests
        }
        new = [request for key, request in bodies.items() if self.kept.get(key) is None]
        tokens = [self._tokens(request) for request in new]
        return Estimate(len(new), len(bodies) - len(new), *(sum(pair[i] for pair in tokens) for i in (0, 1)))

    def _key(self, body: bytes, kept_as: str) -> str:
        endpoint = self.endpoint
        return hashlib.sha256(
            b"\0".join([endpoint.url.encode(), endpoint.api.encode(), kept_as.encode(), body])
        ).hexdigest()

    def _answer(
        self, key: str, body: bytes, request: Request, read: Callable[[Mapping[str, Any]], T], ended: threading.Event
    ) -> T | Failure:
        """The kept answer, or a new one, which is kept."""
        kept: T | None = self.kept.get(key)
        if kept is not None:
            return kept
        if self._stopped:
            return Failure(self._stopped)
        expected = sum(self._tokens(request))
        if not self.kept.reserve(expected, budget=self.endpoint.budget_tokens):
            return Failure(f"the budget of {self.endpoint.budget_tokens:,} tokens is spent")
        tokens, answer = self._tried(body, read, expected, ended)
        self.kept.settle(key, expected, tokens, answer)
        return answer

    def _tried(
        self, body: bytes, read: Callable[[Mapping[str, Any]], T], expected: int, ended: threading.Event
    ) -> tuple[int, T | Failure]:
        """(tokens that it took, answer) after as many tries as it needs, up to `tries`."""
        spent, reason, wait_s = 0, "", 0.0
        for attempt in range(self.endpoint.tries):
            if self._wait(wait_s, ended):
                return spent, Failure("the asking was ended")
            wait_s = self.endpoint.backoff_s * 2**attempt
            try:
                answer = wire.post(self.endpoint.url, body, self._headers, timeout_s=self.endpoint.timeout_s)
            except (OSError, http.client.HTTPException) as error:
                reason = "no whole answer in time" if isinstance(error, TimeoutError) else type(error).__name__
                spent += 0 if isinstance(error, UNSENT) else expected
                continue
            if answer.status == 200:
                tokens, said = _taken(answer.body, read, expected)
                spent += tokens
                if not isinstance(said, Failure):
                    self._failed_in_a_row = 0
                    return spent, said
                reason = said.reason
                continue
            reason = _status(answer.status)
            wait_s = max(wait_s, answer.retry_after_s or 0.0)
            self._hold(answer.retry_after_s or 0.0)
            if answer.status not in AGAIN or wait_s > MAX_WAIT_S:
                return spent, self._failure(reason, attempt, hopeless=answer.status in HOPELESS)
        self._failed_in_a_row += 1
        return spent, self._failure(reason, attempt, hopeless=self._failed_in_a_row >= MAX_FAILED_IN_A_ROW)

    def _failure(self, reason: str, attempt: int, *, hopeless: bool) -> Failure:
        told = (
            f"{_shown(self.endpoint.url)} gave no answer: {reason}, {attempt + 1} {'try' if not attempt else 'tries'}"
        )
        if hopeless:
            self._stopped = told
        return Failure(told)

    def _wait(self, seconds: float, ended: threading.Event) -> bool:
        """Sleep so long, and until it is this request's turn; True when the asking has ended meanwhile."""
        with self._lock:
            gap = 1 / self.endpoint.per_second if self.endpoint.per_second > 0 else 0.0
            start = max(time.monotonic(), self._next_at)
            self._next_at = start + gap
        return ended.wait(max(0.0, start - time.monotonic(), seconds))

    def _hold(self, seconds: float) -> None:
        """All threads wait as long as the server asks one of them to."""
        with self._lock:
            self._next_at = (
                max(self._next_at, time.monotonic() + min(seconds, MAX_WAIT_S)) if seconds else self._next_at
            )

    def _tokens(self, request: Request) -> tuple[int, int]:
        """(tokens in, about; tokens out, at most) of a question."""
        n_bytes = len(request.text.encode()) + len(request.system.encode())
        out = 0 if self.endpoint.api == "moderation" else request.n * request.max_tokens
        return n_bytes // BYTES_PER_TOKEN + 2 * TOKENS_PER_MESSAGE, out

    @cached_property
    def _headers(self) -> dict[str, str]:
        """Content type, and the key from the environment; AuditkitError when it is not there."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        variable = self.endpoint.key_variable
        if variable:
            key = os.environ.get(variable, "").strip()
            if not key or not key.isascii() or not key.isprintable():
                raise AuditkitError(f"the environment variable {variable} holds no key for {_shown(self.endpoint.url)}")
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _body(self, request: Request) -> dict[str, object]:
        """What is sent."""
        model, api = self.endpoint.model, self.endpoint.api
        if api == "moderation":
            return {"model": model, "input": request.text}
        body: dict[str, object] = {"model": model, "temperature": request.temperature, "max_tokens": request.max_tokens}
        optional = {"n": request.n if request.n > 1 else None, "seed": request.seed, "stop": list(request.stop) or None}
        body |= {name: value for name, value in optional.items() if value is not None}
        if api == "completions":
            prompt = f"{request.system}\n\n{request.text}" if request.system else request.text
            return body | {"prompt": prompt} | ({"logprobs": 1} if request.logprobs else {})
        messages = [{"role": "system", "content": request.system}] if request.system else []
        body["messages"] = [*messages, {"role": "user", "content": request.text}]
        if request.logprobs:
            body["logprobs"] = True
        if request.schema is not None:
            shape = {"name": "answer", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        return body


def read_samples(answer: Mapping[str, Any]) -> list[list[Any]]:
    """[text, finish, log-probability, tokens] of each choice of a chat or completions answer."""
    found = [_sample(choice) for choice in sorted(answer["choices"], key=lambda choice: choice.get("index", 0))]
    if not found:
        raise ValueError("no choice")
    return found


def _sample(choice: Mapping[str, Any]) -> list[Any]:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError("a choice without text")
    told = choice.get("logprobs") or {}
    values = told.get("token_logprobs") or [token["logprob"] for token in told.get("content") or ()]
    known = [float(value) for value in values if value is not None]
    if not all(map(math.isfinite, known)):
        raise ValueError("a log-probability that is no number")
    return [text, str(choice.get("finish_reason") or ""), sum(known) if known else None, len(known) or None]


def _taken(body: bytes, read: Callable[[Mapping[str, Any]], T], expected: int) -> tuple[int, T | Failure]:
    """(tokens, what is read from an answer with status 200); without usage the expected tokens count."""
    try:
        answer = orjson.loads(body)
        used = (answer.get("usage") or {}).get("total_tokens")
        tokens = used if isinstance(used, int) and used >= 0 else expected
    except (ValueError, AttributeError):
        return expected, Failure(
            "an answer that is HTML" if b"<html" in body[:1000].lower() else "an answer that is no JSON object"
        )
    try:
        return tokens, read(answer)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return tokens, Failure("an answer that is malformed")


def _status(status: int) -> str:
    return f"HTTP {status}, a redirect that is not followed" if 300 <= status < 400 else f"HTTP {status}"


def _shown(url: str) -> str:
    """The address without what may be secret in it."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not an address)"
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
