"""The build as a graph of stages: each cached under a key of its inputs, each finished by one rename, side by side."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import proc
from .errors import LabError
from .lock import locked
from .progress import Progress, start_ticks, write_atomically

Work = Callable[[Path, Mapping[str, Path], Path], None]
"""Does one stage: (folder to fill, finished folders it builds on, log file)."""


@dataclass(frozen=True)
class Stage:
    """One step of the build. `inputs` is everything its result depends on besides the stages in `needs`."""

    name: str
    title: str
    seconds: float
    needs: tuple[str, ...]
    inputs: str
    work: Work


def file_digest(*files: Path) -> str:
    """Hash of the contents of some files, in order."""
    digest = hashlib.sha256()
    for path in files:
        data = path.read_bytes()
        digest.update(f"{path.name}:{len(data)}:".encode() + data)
    return digest.hexdigest()


def code_digest(*files: Path) -> str:
    """Hash of what some Python files do: layout, comments and docstrings do not count."""
    digest = hashlib.sha256()
    for path in files:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                del node.body[0]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def key_of(name: str, inputs: str, needs: list[str]) -> str:
    """Cache key of a stage: the same inputs on the same stages give the same key, anything else another one."""
    return hashlib.sha256(json.dumps([name, inputs, needs]).encode()).hexdigest()[:16]


def keys_of(stages: list[Stage]) -> dict[str, str]:
    """Key of every stage, each including the keys of those it needs."""
    keys: dict[str, str] = {}
    for stage in stages:
        keys[stage.name] = key_of(stage.name, stage.inputs, [keys[need] for need in stage.needs])
    return keys


def folders_of(stages: list[Stage], cache: Path) -> dict[str, Path]:
    """Where the finished result of every stage is, or will be."""
    return {name: cache / f"{name}-{key}" for name, key in keys_of(stages).items()}


def remove_leftovers(cache: Path) -> None:
    """Delete the unfinished folders of builds that no longer run."""
    for folder in cache.glob("*.partial-*"):
        match = re.fullmatch(r".*\.partial-(\d+)-(\d+)", folder.name)
        if match and start_ticks(int(match[1])) == int(match[2]):
            continue
        _end_boxes(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _end_boxes(folder: Path) -> None:
    """End the boxes that a killed builder left running in its unfinished folder."""
    for note in folder.glob("**/qemu.pid"):
        with suppress(OSError, ValueError):
            pid, ticks = (int(word) for word in note.read_text().split())
            if start_ticks(pid) == ticks:
                os.kill(pid, 9)


def remaining_seconds(stages: list[Stage], finished: set[str], begun: Mapping[str, float], now: float) -> float:
    """Expected time to the end of the build: the longest path through what is left."""
    ends: dict[str, float] = {}
    for stage in stages:
        if stage.name in finished:
            ends[stage.name] = 0.0
            continue
        start = max((ends[need] for need in stage.needs), default=0.0)
        spent = now - begun[stage.name] if stage.name in begun else 0.0
        ends[stage.name] = start + max(stage.seconds - spent, 2.0)
    return max(ends.values(), default=0.0)


class Build:
    """Runs the stages that are not in the cache yet."""

    def __init__(self, stages: list[Stage], cache: Path, progress: Progress) -> None:
        self.cache = cache
        self.progress = progress
        self.folders = folders_of(stages, cache)
        self.stages = [self._measured(stage) for stage in stages]
        self.finished = {stage.name for stage in stages if self.folders[stage.name].is_dir()}
        self.begun: dict[str, float] = {}

    def _measured(self, stage: Stage) -> Stage:
        """The stage with the time it really took here last, where that is known."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            seconds = float(json.loads((self.cache / "timings.json").read_text())[stage.name])
            return Stage(stage.name, stage.title, seconds, stage.needs, stage.inputs, stage.work)
        return stage

    def run(self) -> dict[str, Path]:
        """Do what is missing, two stages at a time; returns every stage's folder. The first failure ends the build."""
        self.progress.total = len(self.stages)
        self.progress.done = len(self.finished)
        pending: dict[Future[None], Stage] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(max_workers=3) as pool:
            while failure is None and len(self.finished) < len(self.stages):
                for stage in self.stages:
                    ready = stage.name not in self.finished and stage.name not in self.begun
                    if ready and self.finished.issuperset(stage.needs):
                        self.begun[stage.name] = time.time()
                        self._tell(f"{stage.title} …", stage.name)
                        pending[pool.submit(self._one, stage)] = stage
                done, _ = wait(pending, timeout=2, return_when=FIRST_COMPLETED)
                if not done:
                    self._tell(self.progress.stage, None, speak=False)
                for future in done:
                    stage = pending.pop(future)
                    failure = failure or future.exception()
                    if future.exception() is None:
                        self._note_finished(stage)
            if failure is not None:
                proc.stop_all()
        if failure is not None:
            raise failure
        return self.folders

    def _tell(self, message: str, stage: str | None, speak: bool = True) -> None:
        self.progress.eta = remaining_seconds(self.stages, self.finished, self.begun, time.time())
        running = [other.title for other in self.stages if other.name in self.begun and other.name not in self.finished]
        self.progress.update(message if speak else ", ".join(running), stage, speak)

    def _note_finished(self, stage: Stage) -> None:
        seconds = time.time() - self.begun[stage.name]
        self.finished.add(stage.name)
        self.progress.done = len(self.finished)
        self._tell(f"{stage.title}: done in {seconds:.0f} s", stage.name)
        timings: dict[str, float] = {}
        with suppress(OSError, ValueError):
            timings = json.loads((self.cache / "timings.json").read_text())
        write_atomically(self.cache / "timings.json", json.dumps({**timings, stage.name: round(seconds, 1)}))

    def _one(self, stage: Stage) -> None:
        final = self.folders[stage.name]
        partial = final.with_name(f"{final.name}.partial-{os.getpid()}-{start_ticks(os.getpid())}")
        log = self.cache / "logs" / f"{final.name}.log"
        lock = self.cache / "locks" / final.name
        try:
            for folder in (log.parent, lock.parent):
                folder.mkdir(parents=True, exist_ok=True)
            with locked(lock, f"makes the same ({stage.title})", proc.check_going):
                if final.is_dir():
                    return
                log.write_text("")
                partial.mkdir(mode=0o755)
                stage.work(partial, {need: self.folders[need] for need in stage.needs}, log)
                partial.rename(final)
        except OSError as error:
            raise LabError(f"{stage.title} failed: {error.strerror or error} ({error.filename or final}).") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
