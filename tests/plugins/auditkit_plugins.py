"""Third-party checkers for the tests: `shouting` and `letters` keep the contract, the others break it, each in one way."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from auditkit import Batch, Checked, Metric, Outcome, Rule, guard
from auditkit.errors import MissingDependency
from auditkit.findings import FOUND, Found, found_table, mask

SECRET = "do not show me"  # stands for text of a document in an exception


@dataclass(frozen=True)
class Options:
    shout: str = "!!!"


class Shouting:
    """Kind 1, well behaved: texts that end in `shout`."""

    name = "shouting"
    version = "1"
    Options = Options
    METRICS: ClassVar[tuple[str, ...]] = ("texts",)
    default_action = "flag"

    def __init__(self, options: Options) -> None:
        self.options = options

    def rules(self):
        return [
            Rule(
                id=f"{self.name}/loud",
                severity="low",
                summary="A text ends in three exclamation marks.",
                why="It shouts.",
                match=("stop!!!", "go now!!!"),
                clean=("stop!", "go now"),
            )
        ]

    def check(self, batch: Batch) -> Checked:
        found, loud = [], np.zeros(len(batch))
        owners = batch.owners
        for place, text in enumerate(batch.iter_texts()):
            if text.text.endswith(self.options.shout):
                end = len(text.text)
                start = end - len(self.options.shout)
                found.append(
                    Found(text.doc, f"{self.name}/loud", text.field, start, end, 0.5, mask(text.text[start:end]))
                )
                loud[owners[place]] = 1.0
        return Checked(found_table(found), {"loud": loud}, tallies={("texts", ""): (len(found), batch.texts.num_rows)})


class Letters:
    """Kind 2, well behaved: counts the letter a."""

    name = "letters"
    version = "1"
    Options = Options
    METRICS: ClassVar[tuple[str, ...]] = ("a_share",)
    default_action = "flag"
    finish_order = 0

    def __init__(self, options: Options) -> None:
        self.options = options

    def rules(self):
        return [
            Rule(
                id=f"{self.name}/many-a",
                severity="info",
                summary="More than half of the corpus is the letter a.",
                why="It is a strange corpus.",
                match=(({"text": "aaaa"}, {"text": "aaab"}),),
                clean=(({"text": "bcd"}, {"text": "efg"}),),
            )
        ]

    def map(self, batch: Batch):
        texts = batch.texts.column("text").to_pylist()
        return {"counts": np.array([sum(text.count("a") for text in texts), sum(map(len, texts))], np.int64)}

    def merge(self, left, right):
        return {"counts": left["counts"] + right["counts"]}

    def again(self, state, context):
        return None

    def map_again(self, batch, wanted):
        return {}

    def merge_again(self, left, right):
        return {}

    def finish(self, state, looked, context) -> Outcome:
        hits, total = (int(number) for number in state["counts"])
        share = hits / total if total else None
        found = [Found(None, f"{self.name}/many-a")] if share and share > 0.5 else []
        return Outcome(found_table(found), [Metric(self.name, "a_share", share)])

    def state_bytes(self, n_docs: int) -> int:
        return 16


class Crash(Shouting):
    name = "crash"

    def check(self, batch):
        raise ValueError(SECRET)


class Hang(Shouting):
    name = "hang"

    def check(self, batch):
        time.sleep(3600)


class Exit(Shouting):
    name = "exit"

    def check(self, batch):
        sys.exit(0)


class Kill(Shouting):
    name = "kill"

    def check(self, batch):
        os._exit(0)


class Segfault(Shouting):
    name = "segfault"

    def check(self, batch):
        ctypes.string_at(0)


class Stuck(Shouting):
    """Runs in C, where no signal handler of Python gets a turn."""

    name = "stuck"

    def check(self, batch):
        with guard.at("stuck, for the test", seconds=0.5):
            sum(range(10**12))


class Stubborn(Shouting):
    """Swallows every interruption."""

    name = "stubborn"

    def check(self, batch):
        with guard.at("stubborn, for the test", seconds=0.5):
            while True:
                with contextlib.suppress(BaseException):
                    time.sleep(3600)


class Cutter(Shouting):
    """Cuts the input file short under the feet of whoever reads it."""

    name = "cutter"

    def check(self, batch):
        os.truncate(os.environ["AUDITKIT_CUT"], 8)
        return super().check(batch)


class Appender(Shouting):
    """Another program writes to the input while it is read."""

    name = "appender"

    def check(self, batch):
        with Path(os.environ["AUDITKIT_APPEND"]).open("a") as file:
            file.write('{"text": "late"}\n')
        return super().check(batch)


class Jumper(Shouting):
    """The clock goes back an hour."""

    name = "jumper"

    def check(self, batch):
        if os.environ.get("AUDITKIT_CLOCK_BACK"):
            then = time.time() - 3600
            time.time = lambda: then
        return super().check(batch)


class KillOnce(Shouting):
    """Its worker is killed the first time, as by the kernel when memory is short."""

    name = "kill_once"

    def check(self, batch):
        with contextlib.suppress(FileExistsError):
            os.close(os.open(os.environ["AUDITKIT_ONCE"], os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().check(batch)


class NoRules(Shouting):
    name = "no_rules"

    def rules(self):
        return []


class NoExtra(Shouting):
    name = "no_extra"

    def __init__(self, options):
        raise MissingDependency("the model of no_extra is not there; install auditkit[no_extra]")


class BadConstructor(Shouting):
    name = "bad_constructor"

    def __init__(self, options):
        raise ValueError(SECRET)


class BadSpan(Shouting):
    name = "bad_span"

    def check(self, batch):
        text = next(iter(batch.iter_texts()))
        return Checked(found_table([Found(text.doc, "bad_span/loud", text.field, 0, len(text.text) + 1)]))


class BadField(Shouting):
    name = "bad_field"

    def check(self, batch):
        text = next(iter(batch.iter_texts()))
        return Checked(found_table([Found(text.doc, "bad_field/loud", "nowhere", 0, 1)]))


class BadDoc(Shouting):
    name = "bad_doc"

    def check(self, batch):
        return Checked(found_table([Found(10**9, "bad_doc/loud")]))


class BadSchema(Shouting):
    name = "bad_schema"

    def check(self, batch):
        return Checked(pa.table({"doc": [0]}))


class BadType(Shouting):
    name = "bad_type"

    def check(self, batch):
        return None


class BadRule(Shouting):
    name = "bad_rule"

    def check(self, batch):
        return Checked(found_table([Found(int(batch.docs[0]), "bad_rule/unheard-of")]))


class NanScore(Shouting):
    name = "nan_score"

    def check(self, batch):
        return Checked(found_table([Found(int(batch.docs[0]), "nan_score/loud", score=float("nan"))]))


class InfScore(Shouting):
    name = "inf_score"

    def check(self, batch):
        return Checked(FOUND.empty_table(), {"loud": np.full(len(batch), np.inf)})


class ShortScores(Shouting):
    name = "short_scores"

    def check(self, batch):
        return Checked(FOUND.empty_table(), {"loud": np.zeros(len(batch) + 1)})


class MapCrash(Letters):
    name = "map_crash"

    def map(self, batch):
        raise ValueError(SECRET)


class MergeCrash(Letters):
    name = "merge_crash"

    def merge(self, left, right):
        raise ValueError(SECRET)


class FinishCrash(Letters):
    name = "finish_crash"

    def finish(self, state, looked, context):
        raise ValueError(SECRET)


class FinishBadDoc(Letters):
    name = "finish_bad_doc"

    def finish(self, state, looked, context):
        return Outcome(found_table([Found(10**9, "finish_bad_doc/many-a")]))


class ObjectState(Letters):
    name = "object_state"

    def map(self, batch):
        return {"counts": np.array([object()])}


class AgainCrash(Letters):
    name = "again_crash"

    def again(self, state, context):
        return {"docs": np.arange(context.n_docs)}

    def map_again(self, batch, wanted):
        raise ValueError(SECRET)
