"""A large scenario in one file: many sites of four providers in six countries, workloads that outgrow the power.

Demand, caps and commitments are set from the sites' own power, so that a world of any size is feasible and its caps bind.
`python -m tests.benchmarks.big_world big.toml --sites 60` writes one. Same arguments, same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

from planner.core.calendar import add_months

START = date(2026, 1, 1)
PROVIDERS = ("north", "south", "east", "west")
COUNTRIES = ("US", "CA", "DE", "NO", "JP", "IN")
RESIDENCIES = (None, ("US",), None, ("DE", "NO"), ("US", "CA"), None, ("JP", "IN"), ("DE", "NO", "US", "CA"))
KINDS = ("training", "inference", "agents")
MW_PER_H100E = 0.9e-3  # facility power that a present-day rack spends on one h100e, roughly


@dataclass
class World:
    """The dice and the size of a world; `power` is what its sites draw in the end [MW]."""

    rng: Random
    sites: int
    accelerators: int
    workloads: int
    months: int
    power: float = 0.0
    by_provider: dict[str, float] = field(default_factory=dict)

    def day(self, share: float) -> date:
        """The first of a month at a share of the horizon."""
        return add_months(START, round(share * self.months))

    @property
    def end(self) -> date:
        return add_months(START, self.months) - timedelta(days=1)

    def between(self, low: float, high: float, digits: int = 2) -> float:
        return round(self.rng.uniform(low, high), digits)


def write(path: str | Path, sites: int = 60, accelerators: int = 10, workloads: int = 8, months: int = 60, seed: int = 1) -> None:
    """Writes the world of a size and seed as one scenario file."""
    w = World(Random(seed), sites, accelerators, workloads, months)
    lines = [*_places(w), *_accelerators(w), *_offers(w), *_supply(w), *_contracts(w), *_workloads(w)]
    Path(path).write_text("\n".join([*_head(w), *lines]) + "\n", encoding="utf-8")


def _row(table: str, **cells: object) -> str:
    return "\n".join(
        [f"[[{table}]]", *(f"{key.rstrip('_')} = {_toml(value)}" for key, value in cells.items() if value is not None), ""]
    )


def _toml(value: object) -> str:
    if isinstance(value, str):
        return value if value[:1] in "[{" else f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)


def _series(points: Iterable[tuple[date, str]], at: str = "from") -> str:
    return "[" + ", ".join(f'{{ {at} = {day}, value = "{value}" }}' for day, value in points) + "]"


def _places(w: World) -> Iterator[str]:
    """Providers, countries, grids with two prices, sites whose power comes in a few steps; every other site begins with power."""
    for provider in PROVIDERS:
        yield _row("provider", id=provider)
    for country in COUNTRIES:
        yield _row("country", iso2=country)
        for k in (1, 2):
            for share in (0.0, 0.5):
                yield _row(
                    "grid", id=f"{country}-{k}", country=country, from_=w.day(share), price=f"{w.between(30, 110, 0)} USD/MWh"
                )
    for i in range(w.sites):
        provider, country = PROVIDERS[i % 4], COUNTRIES[(i + i // 12) % 6]
        site = f"site{i:02d}"
        yield _row(
            "site", id=site, provider=provider, country=country, grid=f"{country}-{1 + i % 3 % 2}", pue=w.between(1.08, 1.4)
        )
        steps = w.rng.randint(2, 4)
        power = 0.0
        for k in range(steps):
            share = k / steps if i % 2 == 0 else (k + w.between(0.2, 0.9)) / (steps + 1)
            power += w.between(40, 160, 0)
            yield _row("site_power", site=site, from_=w.day(share), power=f"{power} MW")
        w.power += power
        w.by_provider[provider] = w.by_provider.get(provider, 0.0) + power


def _accelerators(w: World) -> Iterator[str]:
    """Later ones are larger and better; half of them come during the first three quarters of the horizon."""
    for i in range(w.accelerators):
        progress = i / max(1, w.accelerators - 1)
        cells: dict[str, object] = {
            f"throughput_{kind}": f"{round((1.5 + 6 * progress) * w.between(0.8, 1.25), 3)} h100e/gpu"
            for k, kind in enumerate(KINDS)
            if i == 0 or (i + k) % 4  # a quarter of the pairs do not exist
        }
        yield _row(
            "accelerator",
            id=f"acc{i}",
            vendor="alpha" if i % 3 else "beta",
            chips_per_rack="72 gpu/rack" if i % 2 else "64 gpu/rack",
            rack_power=f"{round(95 + 130 * progress + w.between(-10, 10, 1), 1)} kW/rack",
            average_load=0.8,
            available_from=w.day(0.75 * (2 * progress - 1)) if progress > 0.5 else None,
            **cells,
        )


def _offers(w: World) -> Iterator[str]:
    """One per provider and accelerator, for all its sites; one provider lets for three years, two meter the energy."""
    for n, provider in enumerate(PROVIDERS):
        for i in range(w.accelerators):
            price = (1.6 + 0.45 * i * 10 / w.accelerators) * (1.0, 1.06, 0.95, 1.25)[n] * w.between(0.93, 1.07)
            yield _row(
                "offer",
                id=f"{provider}-acc{i}",
                provider=provider,
                accelerator=f"acc{i}",
                price=f"{price:.3f} USD/gpu/hour",
                energy="metered" if n % 2 else "included",
                term="3 year" if provider == "east" else None,
            )


def _supply(w: World) -> Iterator[str]:
    """Deliveries of every second accelerator grow; all racks of one vendor together have a ceiling in IT power."""
    for i in range(1, w.accelerators, 2):
        rate = w.power / 0.15 / w.months * 3 * 0.2
        for k, share in enumerate((0.0, 0.4, 0.7)):
            yield _row(
                "supply",
                accelerator=f"acc{i}",
                from_=w.day(share),
                rate=f"{round(rate * (1 + k) * w.between(0.6, 1.2), 1)} rack/quarter",
            )
    yield _row("supply", vendor="alpha", from_=START, total=f"{round(0.6 * w.power)} MW")


def _contracts(w: World) -> Iterator[str]:
    """The dearest provider has a contract for more than one would buy from it, another one for less."""
    for provider, share in (("west", 1.1), ("north", 0.35)):
        yearly = share * w.by_provider[provider] * 9e6  # a facility MW costs about 9 million USD/year
        start, end = w.day(0.2), w.end
        value = yearly * ((end - start).days + 1) / 365.25
        yield _row(
            "contract",
            id=f"{provider}-deal",
            provider=provider,
            start=start,
            end=end,
            value=f"{value / 1e9:.4f} billion USD",
            take_or_pay="60 %",
        )


def _workloads(w: World) -> Iterator[str]:
    """Demand grows in lines to half as much again as the fleet's cap can serve; what need not be served has a price."""
    total = 1.5 * 0.7 * w.power / MW_PER_H100E * 2.0  # by then racks do twice as much with a MW
    weights = [w.between(0.5, 1.5) for _ in range(w.workloads)]
    for i, weight in enumerate(weights):
        final = total * weight / sum(weights) * (0.3 if i == 0 else 1.0)
        path = [(0.0, w.between(0.04, 0.08)), (w.between(0.3, 0.6), w.between(0.25, 0.5)), (1.0, 1.0)]
        points = _series(((w.day(at), f"{round(final * share)} h100e") for at, share in path), at="at")
        yield _row(
            "workload",
            id=f"work{i}",
            kind=KINDS[i % len(KINDS)],
            demand=f'{{ interpolate = "linear", points = {points} }}',
            unserved=f"{w.between(1.5, 6)} USD/h100e/hour" if i else None,
            countries=RESIDENCIES[i % len(RESIDENCIES)],
        )


def _head(w: World) -> list[str]:
    fleet = _series((w.day(share), f"{round(part * w.power)} MW") for share, part in ((0.0, 0.16), (0.35, 0.4), (0.7, 0.66)))
    caps = ", ".join(f'{name} = "{round(part * w.by_provider[name])} MW"' for name, part in (("east", 0.6), ("south", 0.7)))
    return [
        "schema = 1",
        f'name = "{w.sites} sites, {w.accelerators} accelerators, {w.workloads} workloads, {w.months} months"',
        "profiles = []",
        "",
        "[horizon]",
        f"start = {START}",
        f"end = {w.end}",
        'step = "month"',
        "",
        "[money]",
        'discount_rate = "8 %/year"',
        "",
        "[limits]",
        f"fleet_power = {fleet}",
        f"provider_power = {{ {caps} }}",
        "",
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Writes a large scenario.")
    parser.add_argument("path", type=Path)
    for name, size in (("sites", 60), ("accelerators", 10), ("workloads", 8), ("months", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=size)
    write(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
