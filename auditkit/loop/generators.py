"""Who answers: an endpoint, a local model folder, a Python function."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from auditkit.endpoint import Client, Endpoint, Failure, Request
from auditkit.endpoint import Sample as Said
from auditkit.errors import ConfigError, InputError
from auditkit.loop.protocols import Ask, Generator, Sample, Unanswered
from auditkit.loop.settings import OPERATIONAL, Loop
from auditkit.loop.tables import GeneratorTable, JudgeTable

TOP_UPS = 3  # further questions where a server gives fewer samples than asked for


def generator_of(loop: Loop, out: Path) -> Generator:
    """The generator that loop.toml names. out: the loop's folder, where paid answers are kept."""
    table = loop.generator
    if table.kind == "callable":
        return Called(table.call, called(table.call, loop.folder))
    if table.kind == "transformers":
        from auditkit.loop.local_model import LocalModel

        return LocalModel(loop.path(table.model), max_tokens=table.max_tokens)
    return Asked(table, out / "answers.jsonl")


def called(name: str, folder: Path) -> Callable[..., Any]:
    """The function `module:function`: a module beside loop.toml, else an installed one; ConfigError without it."""
    module, _, function = name.partition(":")
    try:
        found = getattr(_module(module, folder), function, None)
    except ImportError as error:
        raise ConfigError(f"{name}: cannot import {error.name or module}") from None
    if not callable(found):
        raise ConfigError(f"{name}: the module '{module}' has no function '{function}'")
    return cast("Callable[..., Any]", found)


def _module(name: str, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    if not path.is_file():
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)  # of its own: two loops may both call theirs `model`
    spec.loader.exec_module(module)
    return module


def endpoint_of(table: GeneratorTable | JudgeTable, *, model: str, cache: Path, api: str = "chat") -> Endpoint:
    """The endpoint that a table of loop.toml names."""
    shared = ("hosts", "key_variable", "timeout_s", "tries", "backoff_s", "concurrency", "per_second", "budget_tokens")
    options = {name: getattr(table, name) for name in shared}
    return Endpoint(table.url, model, api=api, cache=str(cache), **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Called:
    """A Python function: function(texts, *, n, temperature, seed, model) -> for each text a list of n texts."""

    name: str
    function: Callable[..., Any]

    def describe(self) -> Mapping[str, object]:
        """The function's name."""
        return {"kind": "callable", "call": self.name}

    def sample(self, asks: Sequence[Ask], *, model: str) -> Iterator[Sample | Unanswered]:
        """One call per ask, so that an ask's samples depend on nothing but itself."""
        for ask in asks:
            lists = self.function([ask.text], n=ask.n, temperature=ask.temperature, seed=ask.seed, model=model)
            texts = list(lists[0])
            wrong = [text for text in texts if not isinstance(text, str)]
            if wrong:
                raise InputError(self.name, f"expected a list of texts per prompt, got {type(wrong[0]).__name__} in it")
            for number, text in enumerate(texts[: ask.n]):
                yield Sample(ask.prompt, ask.first + number, text)
            if len(texts) < ask.n:
                yield Unanswered(ask.prompt, f"{self.name} gave {len(texts)} of {ask.n} samples")


@dataclass(frozen=True)
class Asked:
    """An OpenAI-compatible endpoint. Answers are kept in `cache` under the hash of what was asked: none is paid twice.

    A server that gives fewer than n samples is asked again with another seed, TOP_UPS times.
    """

    table: GeneratorTable
    cache: Path

    @cached_property
    def _clients(self) -> dict[str, Client]:
        return {}

    def _client(self, model: str) -> Client:
        name = model or self.table.model
        if name not in self._clients:
            endpoint = endpoint_of(self.table, model=name, cache=self.cache, api=self.table.api)
            self._clients[name] = Client(endpoint)
        return self._clients[name]

    def describe(self) -> Mapping[str, object]:
        """Address and parameters; no key, and nothing that only says how fast to ask."""
        kept = {key: value for key, value in asdict(self.table).items() if key not in OPERATIONAL}
        return {key: value for key, value in kept.items() if key not in ("call", "key_variable")}

    def sample(self, asks: Sequence[Ask], *, model: str) -> Iterator[Sample | Unanswered]:
        """All samples; Unanswered with the endpoint's reason where there are fewer than asked for."""
        client, waiting = self._client(model), {ask.prompt: ask for ask in asks}
        for turn in range(TOP_UPS + 1):
            short: dict[str, Ask] = {}
            answers = client.generate([self._request(ask, turn) for ask in waiting.values()])
            for ask, answer in zip(waiting.values(), answers, strict=True):
                if isinstance(answer, Failure):
                    yield Unanswered(ask.prompt, answer.reason)
                    continue
                yield from _numbered(ask, answer)
                if len(answer) < ask.n:
                    short[ask.prompt] = _rest(ask, len(answer))
            waiting = short
        for ask in waiting.values():
            yield Unanswered(ask.prompt, f"{ask.n} samples are missing after {TOP_UPS + 1} questions")

    def estimate(self, asks: Sequence[Ask], *, model: str) -> str:
        """What these asks will take at most, in words; nothing is asked."""
        found = self._client(model).estimate([self._request(ask, 0) for ask in asks])
        price = found.price(self.table.price_in, self.table.price_out)
        said = f"{found.n_new:,} questions to ask, {found.n_kept:,} answers kept; "
        said += f"about {found.tokens_in:,} tokens in, at most {found.tokens_out:,} out"
        return said + (f", at most {price:,.2f} at the prices given" if price else "")

    def _request(self, ask: Ask, turn: int) -> Request:
        seed = (ask.seed + 1_000_003 * turn) % 2**31  # servers take 32 bits; the step keeps turns apart
        return Request(
            ask.text, n=ask.n, temperature=ask.temperature, seed=seed, max_tokens=self.table.max_tokens,
            logprobs=self.table.logprobs,
        )  # fmt: skip


def _numbered(ask: Ask, answer: Iterable[Said]) -> Iterator[Sample]:
    for number, said in enumerate(list(answer)[: ask.n]):
        per_token = said.logprob / said.n_tokens if said.logprob is not None and said.n_tokens else None
        yield Sample(ask.prompt, ask.first + number, said.text, per_token, said.finish or "stop")


def _rest(ask: Ask, n_given: int) -> Ask:
    return Ask(ask.prompt, ask.text, ask.n - n_given, ask.temperature, ask.seed, ask.first + n_given)
