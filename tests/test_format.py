"""Numbers in words: shares that add up as they are printed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planner.core.format import percents
from tests import small
from tests.command import planner


def test_three_thirds_are_a_hundred() -> None:
    assert percents([1 / 3, 1 / 3, 1 / 3]) == ["34%", "33%", "33%"]
    assert percents([1 / 3, 1 / 3, 1 / 3], 1) == ["33.4%", "33.3%", "33.3%"]


def test_the_largest_remainders_are_rounded_up() -> None:
    assert percents([0.406, 0.304, 0.29]) == ["41%", "30%", "29%"]
    assert percents([0.125, 0.125, 0.75]) == ["13%", "12%", "75%"]
    assert percents([0.6, 0.4, 0.0]) == ["60%", "40%", "0%"]
    assert percents([0.29, 0.71]) == ["29%", "71%"]  # 0.29 · 100 is a little below 29
    assert percents([]) == [] and percents([0.0, 0.0]) == ["0%", "0%"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any), st.integers(0, 2))
def test_they_add_up_and_none_is_off_by_a_digit(sizes: list[int], digits: int) -> None:
    shares = [size / sum(sizes) for size in sizes]
    told = [round(float(text.removesuffix("%")) * 10**digits) for text in percents(shares, digits)]
    assert sum(told) == 100 * 10**digits
    assert all(abs(n - share * 100 * 10**digits) < 1 + 1e-6 for n, share in zip(told, shares, strict=True))


def test_the_mix_on_the_screen_adds_up() -> None:
    third = "min = 0.3333333333333333"
    names = ("p", "q", "r")
    limits = ", ".join(f'{{ provider = "{name}", of = "power", {third} }}' for name in names)
    more = "".join(
        f'[[provider]]\nid = "{n}"\n[[site]]\nid = "s{n}"\nprovider = "{n}"\ncountry = "US"\ngrid = "g"\npue = 1.25\n'
        f'[[site_power]]\nsite = "s{n}"\nfrom = 2026-01-01\npower = "10 MW"\n'
        f'[[offer]]\nid = "o{n}"\nprovider = "{n}"\naccelerator = "a"\nprice = "2 USD/gpu/hour"\n'
        for n in names[1:]
    )
    text = small.scenario(policy=f"[limits]\nprovider_share = [{limits}]", more=more)
    shown = planner("solve", small.written_file(text)).out
    told = [int(line.split()[1].removesuffix("%")) for line in shown.splitlines() if line[:2] in ("p ", "q ", "r ")]
    assert sorted(told) == [33, 33, 34], shown
