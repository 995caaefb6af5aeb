"""Sizes of many streams, from one question to ZFS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from dplane_tui.services.host import Host, Output
from dplane_tui.services.replication import estimates
from dplane_tui.services.replication.model import Step


class Answers:
    """A host on which `zfs get` answers from a table, and tells what it was asked."""

    def __init__(self, table: dict[tuple[str, str], str]) -> None:
        self.table = table
        self.asked: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str], **_: Any) -> Output:
        self.asked.append(argv)
        lines = "".join(f"{name}\t{prop}\t{value}\n" for (name, prop), value in self.table.items())
        return Output(1, lines.encode(), b"cannot open 'tank/gone@a': dataset does not exist\n")


def step(dataset: str, base: str | None, **more: Any) -> Step:
    kind = "incremental" if base else "full"
    return Step(kind, dataset, f"vault/{dataset}", "filesystem", "new", "7", base, "6" if base else "", **more)


async def test_one_question_tells_what_was_written_since_any_base_and_one_what_a_first_stream_holds() -> None:
    host = Answers({
        ("tank", "written@old"): "100", ("tank/b", "written@old"): "200", ("tank/b", "written@older"): "900",
        ("tank/c@new", "referenced"): "5000", ("tank/d", "written@old"): "-",
    })  # fmt: skip
    steps = [
        step("tank", "@old"), step("tank/b", "@older"), step("tank/c", None), step("tank/d", "@old"),
        step("tank/e", "#dplane-mark"), step("tank/f", "@old", size=3), step("tank/gone", None),
        step("tank/g", "@old", token="1-x"),
    ]  # fmt: skip
    sized = await estimates.together(cast(Host, host), "tank", True, steps)
    assert [one.size for one in sized] == [100, 900, 5000, None, None, 3, None, None]
    assert [(one.dataset, one.base) for one in sized] == [(one.dataset, one.base) for one in steps]
    assert len(host.asked) == 2, "whatever the number of datasets"
    assert host.asked[0][-2:] == ["written@old,written@older", "tank"]
    assert host.asked[1][-2:] == ["tank/c@new", "tank/gone@new"]


def test_an_estimate_below_zero_is_unknown() -> None:
    assert estimates.told("full\ttank/a@1\t100\nsize\t100\n") == 100
    assert estimates.told(f"resume\ttank/a@1\t{2**64 - 5}\nsize\t{2**64 - 5}\n") is None
    assert estimates.told("size\tmuch\n") is None
