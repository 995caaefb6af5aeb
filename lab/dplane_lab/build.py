"""`lab build`: the graph of stages, run until the pair's saved state is in the cache."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from . import hostcheck, proc, steps_boxes, steps_image, steps_product, steps_system
from .config import BASE_PACKAGES, DISK_COUNT, DISK_SIZE, MODULE_PACKAGES, NODES, ROOT_SIZE, SYSTEM_PACKAGES, Config
from .errors import LabError
from .paths import REPO, cache_dir
from .progress import Progress, write_atomically
from .stages import Build, Stage, code_digest, file_digest, folders_of, remove_leftovers

HERE = Path(__file__).parent
NEEDED_MB = 7000
KEPT = 4


@dataclass(frozen=True)
class Saved:
    """A finished saved state: what `lab up` resumes."""

    config: Config
    image: Path
    boot: Path
    ready: Path

    def complete(self) -> bool:
        """Is every part still there?"""
        parts = [self.image / "root.img", self.image / "vmlinuz", self.boot / "id_ed25519"]
        return all(path.exists() for path in parts + [self.ready / node.name / "memory" for node in NODES])


def stage_list(config: Config) -> list[Stage]:
    """Every stage of a build in an order in which each comes after what it needs. No side effects."""
    flavour = config.flavour
    system_code = code_digest(HERE / "steps_system.py", HERE / "chroot.py")
    image_code = code_digest(HERE / "steps_image.py")
    boxes_code = code_digest(HERE / "steps_boxes.py", HERE / "qemu.py", HERE / "identity.py")
    push_code = code_digest(HERE / "product_push.py")
    product_code = code_digest(HERE / "steps_product.py")
    lock = file_digest(REPO / "requirements.lock")
    machine = f"{config.memory} {config.accel} {DISK_COUNT} {DISK_SIZE} {ROOT_SIZE}"
    base = f"{flavour.suite} {BASE_PACKAGES} {system_code}"
    return [
        Stage(
            "base",
            f"Debian {flavour.suite} base",
            35,
            (),
            base,
            lambda at, _, log: steps_system.make_base(flavour, at, log),
        ),
        Stage(
            "wheels",
            "Python packages",
            15,
            (),
            f"{flavour.python} {lock} {product_code}",
            lambda at, _, log: steps_product.make_wheels(flavour, at, log),
        ),
        Stage(
            "modules",
            f"ZFS {flavour.zfs} kernel modules",
            260,
            ("base",),
            f"{MODULE_PACKAGES}",
            lambda at, needs, log: steps_system.make_modules(needs, at, log),
        ),
        Stage(
            "system",
            "packages of the boxes",
            80,
            ("base",),
            f"{SYSTEM_PACKAGES} {flavour.extra_packages}",
            lambda at, needs, log: steps_system.make_system(flavour, needs, at, log),
        ),
        Stage(
            "image",
            "disk image",
            25,
            ("system", "modules"),
            image_code,
            lambda at, needs, log: steps_image.make_image(needs, at, log),
        ),
        Stage(
            "product",
            "the product, by its installer",
            30,
            ("image", "wheels"),
            f"{steps_product.product_digest()} {product_code}",
            lambda at, needs, log: steps_product.install_product(needs, at, log),
        ),
        Stage(
            "boot",
            "first boot of both boxes",
            150,
            ("image",),
            f"{machine} {boxes_code}",
            lambda at, needs, log: steps_boxes.boot_once(config, needs, at, log),
        ),
        Stage(
            "ready",
            "product put into the boxes, memory saved",
            40,
            ("boot", "product", "image"),
            push_code,
            lambda at, needs, log: steps_boxes.put_product(config, needs, at, log),
        ),
    ]


def accelerator(folders: dict[str, Path]) -> str:
    """`kvm` where it truly works, else `tcg`; tried with the boxes' own kernel. DPLANE_LAB_ACCEL overrides."""
    if (own := os.environ.get("DPLANE_LAB_ACCEL")) in ("kvm", "tcg"):
        return own
    if not hostcheck.kvm_possible():
        return "tcg"
    kernel = folders["image"] / "vmlinuz"
    return "kvm" if kernel.exists() and hostcheck.kvm_works(kernel) else "tcg"


def build(config: Config, progress: Progress) -> Saved:
    """Build what is missing and return the saved state. Needs root unless everything is there. Raises LabError."""
    try:
        return _build(config, progress)
    except LabError as error:
        progress.fail(str(error))
        raise
    except OSError as error:
        sentence = f"The build stopped: {error.strerror or error} ({error.filename or cache_dir()})."
        progress.fail(sentence)
        raise LabError(sentence) from error


def _build(config: Config, progress: Progress) -> Saved:
    hostcheck.check_machine()
    cache = cache_dir()
    stages = stage_list(config)
    missing = [stage for stage in stages if not folders_of(stages, cache)[stage.name].is_dir()]
    if missing:
        if os.geteuid() != 0:
            raise LabError(
                f"Building the practice pair needs root (it makes the boxes' disks); run: sudo {REPO / 'lab/lab'} build"
            )
        progress.total = len(stages)
        progress.update("looking at this machine …", "host")
        hostcheck.check_programs({**hostcheck.RUN_PROGRAMS, **hostcheck.BUILD_PROGRAMS}, install=True)
        hostcheck.check_space(cache, NEEDED_MB if len(missing) > 3 else 1500, "Building the practice pair")
    cache.mkdir(parents=True, exist_ok=True)
    with _stopping_on_signals():
        remove_leftovers(cache)
        if missing and hostcheck.kvm_possible() and not os.environ.get("DPLANE_LAB_ACCEL"):
            # Whether KVM carries a box is only known once the boxes' kernel is there.
            first = [stage for stage in stages if stage.name not in ("boot", "ready", "product")]
            folders = Build(first, cache, progress).run()
            config = replace(config, accel=accelerator(folders))
            stages = stage_list(config)
        folders = Build(stages, cache, progress).run()
        saved = Saved(config, folders["image"], folders["boot"], folders["ready"])
        remember(cache, saved)
        forget_old(cache, folders)
        hand_over(cache)
    progress.finish(f"the pair with ZFS {config.zfs} is ready")
    return saved


def current_file(cache: Path, config: Config) -> Path:
    """File that names the newest saved state of a ZFS version and memory size."""
    return cache / f"current-{config.zfs}-{config.memory}.json"


def remember(cache: Path, saved: Saved) -> None:
    """Make this saved state the one `lab up` takes."""
    record = {
        "accel": saved.config.accel,
        "image": str(saved.image),
        "boot": str(saved.boot),
        "ready": str(saved.ready),
        "when": time.time(),
    }
    write_atomically(current_file(cache, saved.config), json.dumps(record))


def recall(config: Config) -> Saved:
    """The newest saved state for this ZFS and memory; raises LabError when there is none."""
    try:
        record = json.loads(current_file(cache_dir(), config).read_text())
        saved = Saved(
            replace(config, accel=record["accel"]), Path(record["image"]), Path(record["boot"]), Path(record["ready"])
        )
    except FileNotFoundError as error:
        raise LabError(
            f"There is no pair with ZFS {config.zfs} and {config.memory} MB yet; build it with: {build_command(config)}"
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise LabError(
            f"The note of the last build cannot be read ({error}); build again with: {build_command(config)}"
        ) from error
    if not saved.complete():
        raise LabError(
            f"Parts of the built pair are gone from {cache_dir()}; build it again with: {build_command(config)}"
        )
    return saved


def build_command(config: Config) -> str:
    """The command that builds this configuration."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}lab/lab build --zfs {config.zfs} --memory {config.memory}"


def forget_old(cache: Path, folders: dict[str, Path]) -> None:
    """Delete all but the last used results of each stage; a pair that stood on one says so at its next reset."""
    for stage, folder in folders.items():
        os.utime(folder)
        # ZFS versions, memory sizes and checkouts that differ share one cache, so a few of each stay.
        found = [path for path in cache.glob(f"{stage}-*") if ".partial-" not in path.name]
        for old in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def hand_over(cache: Path) -> None:
    """Behind sudo: the boxes' keys and notes belong to the person who called, so that `lab up` needs no root."""
    owner, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or not owner or not group:
        return
    for path in [cache, *cache.glob("*.json"), *cache.glob("boot-*/id_ed25519")]:
        with suppress(OSError):
            os.chown(path, int(owner), int(group))


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """While building, a signal ends everything that was started and tells that the build can go on later."""

    def stop(_: int, __: FrameType | None) -> None:
        proc.stop_all()
        raise LabError(proc.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
