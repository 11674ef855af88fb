"""A convex, falling, piecewise linear curve found exactly from few of its points: every point comes with a line below the curve.

Two neighbouring lines meet at a place that only a kink can be: if the curve passes there, it is these two lines and nothing else;
if not, the point found there brings a new line. (Sums of both measures with weights would find the same corners, but the weights
press the goal below the solver's tolerance and corners are lost.) This module knows no planner: it asks a function.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import Generic, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Sample(Generic[F]):
    """A point of the curve, the slope of a line through it that lies nowhere above the curve, and what came with it."""

    x: float
    y: float
    slope: float
    found: F

    def line(self, x: float) -> float:
        return self.y + self.slope * (x - self.x)


@dataclass(frozen=True)
class Piece(Generic[F]):
    """The curve between two samples: straight along the line of a sample, or (None) not known to be straight."""

    start: Sample[F]
    end: Sample[F]
    line: Sample[F] | None

    @property
    def slope(self) -> float:
        if self.line is not None:
            return self.line.slope
        return (self.end.y - self.start.y) / (self.end.x - self.start.x)


@dataclass
class Curve(Generic[F]):
    """The samples of a curve in order of x. `close` is the distance in y below which two values are one."""

    ask: Callable[[float], Sample[F]]
    close: float = 0.0
    samples: list[Sample[F]] = field(default_factory=list)
    asked: int = 0

    def sweep(self, places: Iterable[float]) -> None:
        """Samples at some places, one after the other."""
        for x in places:
            self._sample(x)

    def refine(self, most: int, progress: Callable[[int, float], None] | None = None) -> None:
        """Asks where neighbouring lines meet until nothing is open, at most so many times.

        From left to right, so that a place is never far from the last one, and each stretch as far down as the questions go
        round for all: gaps shrink with the square of the questions asked about them.
        """
        end = self.asked + most
        while self.asked < end and (gap := self.gap()) > 0.0:
            wanted = sum(sqrt(self._meeting(at)[0]) for at in range(len(self.samples) - 1))
            bar, at = (wanted / (end - self.asked)) ** 2, 0
            while self.asked < end and at + 1 < len(self.samples):
                here, x = self._meeting(at)
                if here > min(bar, 0.5 * gap):
                    self._sample(x)
                    if progress is not None:
                        progress(self.asked, gap)
                else:
                    at += 1

    def gap(self) -> float:
        """How far the curve may be below the chords of its samples at most; 0 where it is known to be straight between them."""
        return max((self._meeting(at)[0] for at in range(len(self.samples) - 1)), default=0.0)

    def pieces(self) -> list[Piece[F]]:
        """The curve in pieces as long as they go, from left to right."""
        found, at, last = [], 0, len(self.samples) - 1
        while at < last:
            reach, line = max(((self._reach(at, self.samples[i]), self.samples[i]) for i in (at, at + 1)), key=lambda r: r[0])
            end = max(reach, at + 1)
            found.append(Piece(self.samples[at], self.samples[end], line if reach > at else None))
            at = end
        return found

    def _sample(self, x: float) -> None:
        self.asked += 1
        insort(self.samples, self.ask(x), key=lambda sample: sample.x)

    def _meeting(self, at: int) -> tuple[float, float]:
        """(gap, x): where the lines of a sample and of the next meet, and how far below their chord; no gap if that is close."""
        p, q = self.samples[at : at + 2]
        bend = q.slope - p.slope
        if bend <= 0.0:
            return 0.0, p.x
        x = p.x + (p.y - q.line(p.x)) / bend
        if not p.x < x < q.x:
            return 0.0, p.x
        gap = p.y + (q.y - p.y) * (x - p.x) / (q.x - p.x) - max(p.line(x), q.line(x))
        return (gap, x) if gap > self.close else (0.0, x)

    def _reach(self, start: int, line: Sample[F]) -> int:
        """The last sample from `start` on up to which the curve follows a line; `start` itself if not even the next."""
        near = 2.5 * self.close  # lines that leave a gap of `close` can miss the next sample by twice that
        at = start - 1
        while at + 1 < len(self.samples) and abs(self.samples[at + 1].y - line.line(self.samples[at + 1].x)) <= near:
            at += 1
        return max(at, start)
