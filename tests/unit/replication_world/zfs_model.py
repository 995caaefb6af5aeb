"""A model of the `zfs` command: snapshots, bookmarks, streams, resume tokens. The state is a marshalled file.

Run as `command() STATE_DIR ARGUMENTS…`. Before each command it takes a number from the world's counter, and at the
number the test has chosen it kills the process the test has named.

A test starts it a hundred times, so it is imported, not compiled, and imports nothing that is slow to import.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import sys
import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    State = dict[str, Any]

CHUNK = 65536
HERE = os.path.dirname(os.path.abspath(__file__))


def command() -> list[str]:
    """The first words of a command line that runs the model."""
    start = f"import sys; sys.path.insert(0, {HERE!r}); import zfs_model; zfs_model.main()"
    return [sys.executable, "-I", "-S", "-c", start]


def script(folder: Path, state: Path) -> None:
    """Lay a `zfs` into a folder that is this model, with its state in another."""
    *words, start = command()
    path = folder / "zfs"
    path.write_text(f'#!/bin/sh\nexec {" ".join(words)} "{start}" "{state}" "$@"\n')
    path.chmod(0o755)


def die(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.exit(1)


class state_of:
    """The state, kept when the block ends well."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = str(folder)

    def __enter__(self) -> State:
        self._lock = open(f"{self.folder}/lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._state = read_state(self.folder)
        return self._state

    def __exit__(self, failed: object, *_: object) -> None:
        with self._lock:
            if failed is None:
                keep_state(self.folder, self._state)


def read_state(folder: Path | str) -> State:
    """The state as it is, or that of a new box."""
    kept = content_of(f"{folder}/state")
    state: State = marshal.loads(kept) if kept else {"txg": 1, "pools": {}, "datasets": {}}  # noqa: S302 - our own
    return state


def keep_state(folder: str, state: State) -> None:
    with open(f"{folder}/state.new", "wb") as file:
        file.write(marshal.dumps(state, 2))  # version 2: equal states are equal bytes
    os.replace(f"{folder}/state.new", f"{folder}/state")


def content_of(path: str) -> bytes:
    """What a file holds; nothing when it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def count_and_maybe_kill(world: str) -> None:
    """One more command was run in this world; at the chosen one the victim dies."""
    with open(f"{world}/count", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        file.write(f"{' '.join(sys.argv[2:5])}\n")
    chosen, victim = content_of(f"{world}/kill_at"), content_of(f"{world}/victim")
    if chosen and victim and len(lines) == int(chosen):
        os.unlink(f"{world}/kill_at")
        try:
            os.kill(int(victim), 9)
        except ProcessLookupError:
            return
        time.sleep(0.2)


def new_guid() -> str:
    return str(1 + int.from_bytes(os.urandom(8), "little") % (2**63 - 1))


def next_txg(state: State) -> int:
    state["txg"] += 1
    return int(state["txg"])


def new_dataset(kind: str = "filesystem") -> dict[str, Any]:
    return {
        "guid": new_guid(), "type": kind, "props": {}, "snaps": [], "marks": [], "written": 0, "partial": None,
    }  # fmt: skip


def available(state: State, pool: str) -> int:
    used = sum(
        sum(snap["size"] for snap in data["snaps"]) + (data["partial"] or {}).get("bytes", 0)
        for name, data in state["datasets"].items()
        if name.split("/")[0] == pool
    )
    return int(max(0, int(state["pools"][pool]) - used))


def held_since(data: dict[str, Any], base: int, end: int | None = None) -> int:
    """What a snapshot (its txg; None: the dataset as it is now) holds that was not there at the txg of a base.

    `over` is how much of what the one before had written was written over: no stream that passes that by has it.
    """
    later = [s for s in data["snaps"] if s["txg"] > base and (end is None or s["txg"] <= end)]
    parts = [(s["size"], s.get("over", 0)) for s in later]
    parts += [(data["written"], data.get("over", 0))] if end is None else []
    return int(sum(size for size, _ in parts) - sum(over for _, over in parts[1:]))


def token_of(partial: dict[str, Any]) -> str:
    """A resume token as OpenZFS writes it."""
    pairs: list[tuple[str, int, Any]] = [
        ("object", 8, 1), ("offset", 8, 0), ("bytes", 8, partial["bytes"]), ("toguid", 8, int(partial["toguid"])),
        ("toname", 9, partial["toname"]),
    ]  # fmt: skip
    if partial["fromguid"]:
        pairs.append(("fromguid", 8, int(partial["fromguid"])))
    if partial.get("raw"):
        pairs.append(("rawok", 1, None))
    packed = b"\0\1\0\0" + b"\0\0\0\0" + b"\1\0\0\0"
    for name, kind, value in pairs:
        raw_name = name.encode() + b"\0"
        raw_name += b"\0" * (-len(raw_name) % 8)
        raw = b"" if kind == 1 else value.to_bytes(8, "little") if kind == 8 else value.encode() + b"\0"
        raw += b"\0" * (-len(raw) % 8)
        head = (16 + len(raw_name) + len(raw)).to_bytes(4, "little") + (len(name) + 1).to_bytes(2, "little") + b"\0\0"
        packed += head + (1).to_bytes(4, "little") + kind.to_bytes(4, "little") + raw_name + raw
    packed += b"\0" * 8
    body = zlib.compress(packed)
    whole = len(body) // 4 * 4
    total = sum(int.from_bytes(body[at : at + 4], "little") for at in range(0, whole, 4)) % 2**64
    return f"1-{total:x}-{len(packed):x}-{body.hex()}"


COMPUTED = {
    *("type", "guid", "written", "keystatus", "referenced", "available", "encryptionroot", "receive_resume_token"),
    *("dplane:peer", "createtxg"),
}


def prop(state: State, name: str, wanted: str) -> str:
    if "@" in name:
        dataset, _, short = name.partition("@")
        snap = next((s for s in state["datasets"].get(dataset, new_dataset())["snaps"] if s["name"] == short), None)
        if snap is None:
            die(f"cannot open '{name}': dataset does not exist")
        assert snap
        if wanted.startswith("written@"):
            since = next((s for s in state["datasets"][dataset]["snaps"] if s["name"] == wanted[8:]), None)
            return str(held_since(state["datasets"][dataset], since["txg"], snap["txg"])) if since else "-"
        holds, clones = snap.get("holds", []), snap.get("clones", "")
        return str(
            {
                "guid": snap["guid"],
                "creation": int(snap["created"]),
                "userrefs": len(holds),
                "clones": clones,
                "written": snap["size"],
                "referenced": held_since(state["datasets"][dataset], 0, snap["txg"]),
            }[wanted]
        )
    if "#" in name:
        dataset, _, short = name.partition("#")
        return str(next(m["guid"] for m in state["datasets"][dataset]["marks"] if m["name"] == short))
    data = state["datasets"][name]
    if wanted.startswith("written@"):
        base = next((s for s in data["snaps"] if s["name"] == wanted[8:]), None)
        return str(held_since(data, base["txg"])) if base else "-"
    if wanted == "dplane:peer":
        parts = name.split("/")
        for depth in range(len(parts), 0, -1):
            found = state["datasets"].get("/".join(parts[:depth]), new_dataset())["props"].get(wanted)
            if found:
                return str(found)
        return "-"
    values = {
        "type": data["type"], "guid": data["guid"], "written": str(data["written"]), "keystatus": "none",
        "referenced": str(held_since(data, 0)),
        "available": str(available(state, name.split("/")[0])), "encryptionroot": "-", "createtxg": "5",
        "receive_resume_token": token_of(data["partial"]) if data["partial"] else "-",
    }  # fmt: skip
    return str(values[wanted])


def valued(state: State, name: str, wanted: str) -> tuple[str, str]:
    """A property and where it comes from."""
    if "@" in name and wanted == "dplane:peer":
        dataset, _, short = name.partition("@")
        taken = next((s.get("peer") for s in state["datasets"][dataset]["snaps"] if s["name"] == short), None)
        return (str(taken), "local") if taken else (prop(state, dataset, wanted), f"inherited from {dataset}")
    if wanted == "dplane:may-prune":
        return let_go(state, name)
    if "@" not in name and "#" not in name:
        own = state["datasets"][name]["props"]
        if wanted in own:
            return str(own[wanted]), "local"
        if wanted in ("sharenfs", "sharesmb"):
            return share_above(state, name, wanted)
        if wanted not in COMPUTED and not wanted.startswith("written@"):
            return "-", "-"
    return prop(state, name, wanted), "-"


def let_go(state: State, name: str) -> tuple[str, str]:
    """What may be pruned besides ours; a value that begins with `received ` came with a stream."""
    parts = name.split("/")
    for depth in range(len(parts), 0, -1):
        at = "/".join(parts[:depth])
        found = state["datasets"].get(at, new_dataset())["props"].get("dplane:may-prune")
        if found:
            value = str(found).removeprefix("received ")
            return value, f"inherited from {at}" if at != name else "received" if value != found else "local"
    return "-", "-"


def share_above(state: State, name: str, wanted: str) -> tuple[str, str]:
    """What a dataset without a share of its own inherits."""
    if state["datasets"][name]["type"] == "volume":
        return "-", "-"
    while "/" in name:
        name = name.rpartition("/")[0]
        found = state["datasets"].get(name, new_dataset())["props"].get(wanted)
        if found:
            return str(found), f"inherited from {name}"
    return "off", "default"


def get(folder: str, words: list[str]) -> None:
    columns = words[words.index("-o") + 1].split(",")
    rest = words[words.index("-o") + 2 :]
    if rest[0] == "creation" and "snapshot" in words:
        return creations(folder, words)
    if rest[0] == "dplane:peer" and "snapshot" in words:
        return peers(folder, words)
    wanted, names = rest[0].split(","), [name for name in rest[1:] if name != "--"]
    sources = words[words.index("-s") + 1].replace("none", "-").split(",") if "-s" in words else None
    with state_of(folder) as state:
        missing = False
        for asked in names:
            below = [n for n in sorted(state["datasets"]) if n.startswith(f"{asked}/")] if "-r" in words else []
            if "@" not in asked and "#" not in asked and asked not in state["datasets"]:
                sys.stderr.write(f"cannot open '{asked}': dataset does not exist\n")
                missing = True
                continue
            for name in [asked, *below]:
                for each in wanted:
                    value, source = valued(state, name, each)
                    if sources is not None and source.partition(" ")[0] not in sources:
                        continue
                    row = {"name": name, "property": each, "value": value, "source": source}
                    print("\t".join(row[column] for column in columns))
        if missing:
            sys.stdout.flush()
            sys.exit(1)
    return None


def creations(folder: str, words: list[str]) -> None:
    asked = words[-1]
    with state_of(folder) as state:
        if asked not in state["datasets"]:
            die(f"cannot open '{asked}': dataset does not exist")
        for name, data in sorted(state["datasets"].items()):
            if name == asked or ("-r" in words and name.startswith(f"{asked}/")):
                for snap in data["snaps"]:
                    print(f"{name}@{snap['name']}\t{int(snap['created'])}")


def peers(folder: str, words: list[str]) -> None:
    """For whom the snapshots of a dataset were taken."""
    asked = words[-1]
    with state_of(folder) as state:
        if asked not in state["datasets"]:
            die(f"cannot open '{asked}': dataset does not exist")
        for snap in state["datasets"][asked]["snaps"]:
            print(f"{asked}@{snap['name']}", *valued(state, f"{asked}@{snap['name']}", "dplane:peer"), sep="\t")


def list_bookmarks(folder: str, names: list[str]) -> None:
    """Those of the named bookmarks that there are."""
    with state_of(folder) as state:
        for name in names:
            dataset, _, short = name.partition("#")
            for mark in state["datasets"][dataset]["marks"]:
                if mark["name"] == short:
                    print(f"{name}\t{mark['guid']}")


def list_wanted(folder: str) -> None:
    """All file systems: what of them is shared, and where they are mounted."""
    with state_of(folder) as state:
        for name, data in sorted(state["datasets"].items()):
            if data["type"] == "filesystem":
                shares = [valued(state, name, wanted)[0] for wanted in ("sharenfs", "sharesmb")]
                print(name, *shares, data["props"].get("mounted", "no"), place_of(state, name), sep="\t")


def place_of(state: State, name: str) -> str:
    above, at, last = name.rpartition("/")
    own = state["datasets"].get(name, new_dataset())["props"].get("mountpoint")
    return str(own) if own else f"{place_of(state, above) if at else ''}/{last}"


def program(folder: str, words: list[str]) -> None:
    """The helper's channel program: many bookmarks in one transaction."""
    script = sys.stdin.read()
    assert "zfs.sync.bookmark" in script
    for at in range(3, len(words), 3):
        with state_of(folder) as state:
            if int(prop(state, words[at], "guid")) % 2**64 != int(words[at + 1][1:]) % 2**64:
                die(f"changed: {words[at]}")
    for at in range(3, len(words), 3):
        bookmark(folder, [words[at], words[at + 2]])


def listing(folder: str, words: list[str]) -> None:
    asked = words[-1]
    if "bookmark" in words:
        list_bookmarks(folder, words[words.index("--") + 1 :])
        return
    if words[-2:] == ["-t", "filesystem"]:
        list_wanted(folder)
        return
    with state_of(folder) as state:
        if asked not in state["datasets"]:
            die(f"cannot open '{asked}': dataset does not exist")
        if words[words.index("-o") + 1] == "name":
            below = [name for name in sorted(state["datasets"]) if name.startswith(f"{asked}/")]
            print("\n".join([asked, *(below if "-r" in words else [])]))
            return
        for name in sorted(state["datasets"]):
            if name == asked or ("-r" in words and name.startswith(f"{asked}/")):
                if "used" in words[words.index("-o") + 1]:
                    for snap in state["datasets"][name]["snaps"]:
                        row = [f"{name}@{snap['name']}", snap["guid"], snap["txg"], snap["created"], snap["size"]]
                        print(*row, snap["size"], len(snap.get("holds", [])), sep="\t")
                    continue
                for mark, key in (("@", "snaps"), ("#", "marks")):
                    for point in state["datasets"][name][key]:
                        print(f"{name}{mark}{point['name']}\t{point['guid']}\t{point['txg']}")


def snapshot(folder: str, words: list[str]) -> None:
    asked = {dataset for dataset, at, _ in (word.partition("@") for word in words) if at}
    short = words[-1].partition("@")[2]
    rival = f"{os.path.dirname(folder)}/rival"
    if os.path.exists(rival):  # somebody else takes one of that name a moment before
        others = [f"{name}@{short}" for name in content_of(rival).decode().split()]
        os.unlink(rival)
        snapshot(folder, others)
    with state_of(folder) as state:
        txg = next_txg(state)
        for name, data in state["datasets"].items():
            if name in asked or ("-r" in words and name.startswith(tuple(f"{dataset}/" for dataset in asked))):
                if any(snap["name"] == short for snap in data["snaps"]):
                    die(f"cannot create snapshot '{name}@{short}': dataset already exists")
                made = {
                    "name": short,
                    "guid": new_guid(),
                    "txg": txg,
                    "size": data["written"],
                    "over": data.pop("over", 0),
                    "created": int(time.time()),
                    "peer": next((word[12:] for word in words if word.startswith("dplane:peer=")), ""),
                }
                data["snaps"].append(made)
                data["written"] = 0


def bookmark(folder: str, words: list[str]) -> None:
    dataset, _, short = words[-2].partition("@")
    with state_of(folder) as state:
        data = state["datasets"][dataset]
        snap = next(s for s in data["snaps"] if s["name"] == short)
        mark = words[-1].split("#")[1]
        if any(m["name"] == mark for m in data["marks"]):
            die(f"cannot create bookmark '{words[-1]}': bookmark exists")
        data["marks"].append({"name": mark, "guid": snap["guid"], "txg": snap["txg"]})


def destroy_snapshots(folder: str, dataset: str, names: list[str], words: list[str]) -> None:
    """All or none; one that is not there is passed over, as OpenZFS does."""
    with state_of(folder) as state:
        data = state["datasets"].get(dataset, new_dataset())
        snaps, half = data["snaps"], data["partial"]
        going = [snap for snap in snaps if snap["name"] in names]
        if not going:
            die("could not find any snapshots to destroy; check snapshot names.")
        if "-n" in words:
            print("\n".join(f"destroy\t{dataset}@{snap['name']}" for snap in going))
            print(f"reclaim\t{sum(snap['size'] for snap in going)}")
            return
        for snap in going:
            if snap.get("holds") or snap.get("busy"):
                die(f"cannot destroy snapshot {dataset}@{snap['name']}: dataset is busy")
            if snap.get("clones") or (half and half["fromguid"] == snap["guid"]):  # the half is a clone: DATASET/%recv
                die(f"cannot destroy '{dataset}@{snap['name']}': snapshot has dependent clones")
        state["datasets"][dataset]["snaps"] = [snap for snap in snaps if snap not in going]


def hold(folder: str, words: list[str]) -> None:
    """`hold` and `release`: all or none for the first, each for itself for the second, as OpenZFS does."""
    tag, names = words[-len([word for word in words if "@" in word]) - 1], [word for word in words if "@" in word]
    adds = sys.argv[2] == "hold"
    said: list[str] = []
    with state_of(folder) as state:
        found: dict[str, Any] = {}
        for name in names:
            dataset, _, short = name.partition("@")
            snaps = state["datasets"].get(dataset, new_dataset())["snaps"]
            found[name] = next((s for s in snaps if s["name"] == short), None)
            if found[name] is None:
                die(f"cannot open '{name}': dataset does not exist")
        for name, snap in found.items():
            holds = snap.setdefault("holds", [])
            if adds and tag in holds:
                die(f"cannot hold snapshot '{name}': tag already exists on this dataset")
            if not adds and tag not in holds:
                said.append(f"cannot release hold from snapshot '{name}': no such tag on this dataset")
                continue
            holds.append(tag) if adds else holds.remove(tag)
    if said:
        die("\n".join(said))


def rename(folder: str, words: list[str]) -> None:
    old, new = words[-2:]
    with state_of(folder) as state:
        if new in state["datasets"]:
            die(f"cannot rename '{old}': dataset already exists")
        for name in [n for n in state["datasets"] if f"{n}/".startswith(f"{old}/")]:
            state["datasets"][new + name[len(old) :]] = state["datasets"].pop(name)


def rollback(folder: str, words: list[str]) -> None:
    dataset, _, short = words[-1].partition("@")
    with state_of(folder) as state:
        data = state["datasets"][dataset]
        at = next(i for i, s in enumerate(data["snaps"]) if s["name"] == short)
        if data["snaps"][at + 1 :] and "-r" not in words:
            die(f"cannot rollback to '{words[-1]}': more recent snapshots or bookmarks exist")
        if data["partial"] and data["partial"]["fromguid"] in {s["guid"] for s in data["snaps"][at + 1 :]}:
            die(f"cannot rollback to '{words[-1]}': clones of previous snapshots exist\n{dataset}/%recv")
        if any(s.get("holds") for s in data["snaps"][at + 1 :]):
            die(f"cannot destroy snapshot {dataset}@{data['snaps'][-1]['name']}: dataset is busy")
        born = data["snaps"][at]["txg"]
        data["marks"] = [mark for mark in data["marks"] if mark["txg"] <= born]
        data["snaps"], data["written"] = data["snaps"][: at + 1], 0


def destroy(folder: str, words: list[str]) -> None:
    if "@" in words[-1]:
        name, _, shorts = words[-1].partition("@")
        return destroy_snapshots(folder, name, shorts.split(","), words)
    dataset, _, short = words[-1].partition("#")
    with state_of(folder) as state:
        marks = state["datasets"][dataset]["marks"]
        state["datasets"][dataset]["marks"] = [m for m in marks if m["name"] != short]
    return None


def create(folder: str, words: list[str]) -> None:
    with state_of(folder) as state:
        if words[-1].rpartition("/")[0] not in state["datasets"]:
            die(f"cannot create '{words[-1]}': parent does not exist")
        state["datasets"][words[-1]] = new_dataset()
        state["datasets"][words[-1]]["props"] = {
            key: value for key, _, value in (w.partition("=") for w in words) if value and key.startswith("dplane:")
        }


def set_one(folder: str, words: list[str]) -> None:
    with state_of(folder) as state:
        if words[-1] not in state["datasets"]:
            die(f"cannot open '{words[-1]}': dataset does not exist")
        state["datasets"][words[-1]]["props"].update(word.split("=", 1) for word in words[:-1] if "=" in word)


def mount(folder: str, words: list[str]) -> None:
    set_one(folder, ["mounted=yes", words[-1]])


def send(folder: str, words: list[str]) -> None:
    with state_of(folder) as state:
        if "-t" in words:
            sys.path.insert(0, f"{HERE}/../../..")
            from privhelper import resumetoken

            fields = resumetoken.unpack(words[words.index("-t") + 1])
            name, offset = str(fields["toname"]), int(fields["bytes"])
            origin, raw = str(fields.get("fromguid", "")), bool(fields.get("rawok"))
        else:
            name, offset, origin, raw = words[-1], 0, "", "-w" in words
            for flag in ("-i", "-I"):
                if flag in words:
                    base = words[words.index(flag) + 1]
                    origin = prop(state, base if base[0] not in "@#" else name.partition("@")[0] + base, "guid")
        dataset, _, short = name.partition("@")
        data = state["datasets"][dataset]
        snaps = data["snaps"]
        last = next(i for i, s in enumerate(snaps) if s["name"] == short)
        known = [*snaps, *data["marks"]]
        after = next((p["txg"] for p in known if p["guid"] == origin), 0)
        items = [s for s in snaps[: last + 1] if s["txg"] > after]
        if "-I" not in words:
            held, over = held_since(data, after, snaps[last]["txg"]), items[0].get("over", 0)
            items = [{**snaps[last], "size": held, "over": over}]
        items = [{key: value for key, value in item.items() if key not in ("holds", "peer")} for item in items]
    size = sum(s["size"] for s in items) - offset
    if "-n" in words:
        print(f"size\t{size}")
        return
    head = {
        "items": items, "fromguid": origin, "toname": name, "raw": raw, "offset": offset, "type": data["type"],
        "size": size,
    }  # fmt: skip
    out = sys.stdout.buffer
    out.write(head_line(head))
    rate = float(content_of(f"{os.path.dirname(folder)}/rate") or 0)  # no environment gets through the agent
    while size > 0:
        out.write(b"\xa5" * min(CHUNK, size))
        out.flush()
        if rate:
            time.sleep(min(CHUNK, size) / rate)
        size -= CHUNK
    out.write(b"END")
    out.flush()


def head_line(head: dict[str, Any]) -> bytes:
    """What a stream begins with."""
    return marshal.dumps(head, 2).hex().encode() + b"\n"


def refuse_receive(state: State, name: str, head: dict[str, Any], data: dict[str, Any] | None) -> None:
    """What OpenZFS says when a stream does not fit what is there."""
    if name.rpartition("/")[0] not in state["datasets"]:
        die(f"cannot receive new filesystem stream: parent of '{name}' does not exist")
    if data is not None and data.get("unknown"):
        die("cannot receive: stream has unsupported feature, feature flags = 4")
    if head["offset"]:
        if data is None or not data["partial"] or data["partial"]["bytes"] != head["offset"]:
            die("cannot receive resume stream: kernel modules must be upgraded to receive this stream.")
    elif data is not None and data["partial"]:
        die(f'cannot receive: destination {name} contains partially-complete state from "zfs receive -s".')
    elif not head["fromguid"]:
        if data is not None:
            die(f"cannot receive new filesystem stream: destination '{name}' exists\nmust specify -F to overwrite it")
    elif data is None:
        die(f"cannot receive incremental stream: destination '{name}' does not exist")
    elif data["written"]:
        die(f"cannot receive incremental stream: destination {name} has been modified\nsince most recent snapshot")
    elif not data["snaps"] or data["snaps"][-1]["guid"] != head["fromguid"]:
        die(f"cannot receive incremental stream: most recent snapshot of {name} does not\nmatch incremental source")


def unfit_end(name: str, head: dict[str, Any], data: dict[str, Any]) -> str:
    """A resumed stream is only judged at its end (dsl_dataset_clone_swap_check_impl), and what arrived stays.

    Whatever the kernel calls invalid, libzfs words as too old a kernel.
    """
    newest = data["snaps"][-1]["guid"] if data["snaps"] else ""
    if head["offset"] and (newest != head["fromguid"] or data.get("spoilt")):
        return "cannot receive resume stream: kernel modules must be upgraded to receive this stream."
    if head["offset"] and head["fromguid"] and data["written"]:
        return f"cannot receive resume stream: destination {name} has been modified\nsince most recent snapshot"
    return ""


def _three() -> bytes:
    found = b""
    while len(found) < 3 and (byte := os.read(0, 1)):
        found += byte
    return found


def abort(folder: str, name: str) -> None:
    with state_of(folder) as state:
        data = state["datasets"][name]
        data["partial"] = None
        data.pop("spoilt", None)
        if not data["snaps"]:
            del state["datasets"][name]


def whole_ones(state: State, data: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Of a broken stream of several snapshots, those that are whole are kept; the token is of the one behind them."""
    partial = data["partial"]
    while len(items) > 1 and partial["bytes"] >= items[0]["size"]:
        made, items = items[0], items[1:]
        data["snaps"].append({**made, "txg": next_txg(state)})
        partial["bytes"] -= made["size"]
        partial["fromguid"] = made["guid"]
    partial["toguid"] = items[0]["guid"]
    partial["toname"] = f"{partial['toname'].partition('@')[0]}@{items[0]['name']}"


def grow_late(folder: str, state: State, data: dict[str, Any] | None) -> None:
    """The receive of a connection that is gone writes what it still had."""
    late = f"{os.path.dirname(folder)}/late"
    if data is not None and data["partial"] and os.path.exists(late):
        os.unlink(late)
        data["partial"]["bytes"] += CHUNK
        keep_state(folder, state)


def receive(folder: str, words: list[str]) -> None:
    name = words[-1]
    if "-A" in words:
        return abort(folder, name)
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            die("cannot receive: failed to read from stream")
        line += byte
    head = marshal.loads(bytes.fromhex(line.decode()))  # noqa: S302 - a stream of this model
    busy = f"{os.path.dirname(folder)}/busy"  # a line for each time that somebody else has it
    if name in (lines := content_of(busy).decode().splitlines()):
        lines.remove(name)
        with open(busy, "w") as file:
            file.write("\n".join(lines))
        die(f"cannot receive incremental stream: {name}: dataset is busy")
    with state_of(folder) as state:
        data = state["datasets"].get(name)
        grow_late(folder, state, data)
        refuse_receive(state, name, head, data)
        free = available(state, name.split("/")[0])
        data = data or new_dataset(head["type"])
        data["props"].update(word.split("=", 1) for word in words if "=" in word)
        keep = {"toguid": head["items"][-1]["guid"], "toname": head["toname"], "fromguid": head["fromguid"]}
        data["partial"] = {**keep, "raw": head.get("raw", False), "bytes": head["offset"]}
        state["datasets"][name] = data
    got = 0
    while got < min(head["size"], free + 1) and (chunk := os.read(0, min(CHUNK, head["size"] - got))):
        got += len(chunk)
    ended = got == head["size"] <= free and _three() == b"END"
    said = ""
    with state_of(folder) as state:
        data = state["datasets"][name]
        if ended and (said := unfit_end(name, head, data)):
            data["partial"]["bytes"] += got
        elif ended:
            data["partial"] = None
            data["snaps"] += [{**made, "txg": next_txg(state)} for made in head["items"]]
        else:
            data["partial"]["bytes"] += got
            whole_ones(state, data, head["items"])
    if not ended and not data["partial"]["bytes"]:
        abort(folder, name)
    if said:
        die(said)
    if got > free:
        die("cannot receive new filesystem stream: out of space")
    if not ended:
        die("cannot receive: failed to read from stream\nPartially received snapshot is saved.")
    print(len(line) + got + 3)
    return None


def main() -> None:
    folder, words = sys.argv[1], sys.argv[2:]
    count_and_maybe_kill(os.path.dirname(folder))
    acts = {
        "get": get, "list": listing, "snapshot": snapshot, "bookmark": bookmark, "destroy": destroy, "create": create,
        "set": set_one, "mount": mount, "hold": hold, "release": hold, "rename": rename, "rollback": rollback,
        "program": program,
        "send": send, "receive": receive,
    }  # fmt: skip
    try:
        if words[0] == "version":
            print("zfs-2.3.9-model")
        else:
            acts[words[0]](folder, words[1:])
    except BrokenPipeError:
        pass
