"""The one place that knows HiGHS: it makes an engine, keeps it silent, runs it and reads it; the same for every version we allow.

Versions differ in what they print and in how some answers are handed over. Nothing but this module imports highspy, so that a new
version is one file to look at. An engine runs in a thread of its own, so that Ctrl-C is answered at once.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.core.basis import Basis
from planner.core.errors import InputFault

Vector = NDArray[np.float64]
INF = float("inf")
NATIVE_INF = 1e20  # from here on HiGHS means infinity
OPTIMAL, INFEASIBLE, UNBOUNDED, TIME_LIMIT, INTERRUPTED = "optimal", "infeasible", "unbounded", "time limit", "interrupted"
EITHER = "unbounded or infeasible"
_LOCK = threading.Lock()


@contextmanager
def _silence() -> Iterator[None]:
    """Within it descriptor 1 leads nowhere: HiGHS 1.16 prints two lines when an engine is made, before it takes any option."""
    with _LOCK:
        for stream in (sys.stdout, sys.__stdout__):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]
        try:
            kept = os.dup(1)
        except OSError:  # nobody listens
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 1)
            yield
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).fflush(None)  # what C holds back would come out later
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            os.close(nowhere)


def prepare() -> None:
    """Loads HiGHS, so that the time this takes is nobody else's."""
    import highspy  # noqa: F401


@dataclass(frozen=True)
class Start:
    """A basis as HiGHS keeps it, to begin from again; `letters` when somebody else wants to read it."""

    native: Any

    @property
    def letters(self) -> Basis:
        import highspy

        kinds = highspy.HighsBasisStatus
        names = {kinds.kBasic: "B", kinds.kUpper: "U"}
        return Basis(
            "".join(names.get(status, "L") for status in self.native.col_status),
            "".join("B" if status == kinds.kBasic else "N" for status in self.native.row_status),
        )


class Engine:
    """A programme min costs · x + constant, rows between bounds, columns between bounds, in HiGHS.

    Vectors are by column (columns,) or by row (rows,) as float64; infinite bounds are `INF`. Every change is kept until the next.
    """

    def __init__(
        self,
        costs: ArrayLike,
        constant: float,
        columns: tuple[ArrayLike, ArrayLike],
        rows: tuple[ArrayLike, ArrayLike],
        entries: tuple[ArrayLike, ArrayLike, ArrayLike],
        integer: Sequence[bool] | None = None,
    ) -> None:
        """`columns` and `rows` are (lower, upper), `entries` (starts, indices, values) by row. InputFault if HiGHS refuses."""
        import highspy

        lp = highspy.HighsLp()
        lp.col_cost_ = np.array(costs, dtype=np.float64)
        lp.col_lower_, lp.col_upper_ = (_native(bound) for bound in columns)
        lp.row_lower_, lp.row_upper_ = (_native(bound) for bound in rows)
        lp.num_col_, lp.num_row_ = len(lp.col_cost_), len(lp.row_lower_)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(entries[0], dtype=np.int32)
        lp.a_matrix_.index_ = np.array(entries[1], dtype=np.int32)
        lp.a_matrix_.value_ = np.array(entries[2], dtype=np.float64)
        lp.offset_ = constant
        self._costs, self._constant = np.array(costs, dtype=np.float64), constant
        self.whole = integer is not None and any(integer)
        if integer is not None and self.whole:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[whole] for whole in integer]
        with _silence():
            self._highs: Any = highspy.Highs()
            self._highs.setOptionValue("output_flag", False)
        self.set("threads", 1)  # one thread gives the same bytes every time
        if self._highs.passModel(lp) == highspy.HighsStatus.kError:
            raise InputFault.one("the solver refused the model", "a number in the inputs is out of all proportion")

    # --- running ------------------------------------------------------------------------------------------------------

    def set(self, option: str, value: Any) -> None:
        self._highs.setOptionValue(option, value)

    def option(self, name: str) -> Any:
        return self._highs.getOptionValue(name)[1]

    def run(self) -> str:
        """The status after a run. What may be either unbounded or infeasible is run once more, without presolve, to tell."""
        self._apart(self._highs.run)
        if self.status == EITHER:
            before = self.option("presolve")
            self.set("presolve", "off")
            self._apart(self._highs.run)
            self.set("presolve", before)
        return self.status

    def _apart(self, call: Callable[[], Any]) -> Any:
        """What a long call comes to. Interrupted, HiGHS goes on working in its thread: from then on nobody may touch the engine,
        not even to put things back, so whoever tries is told that it is over."""
        try:
            return _apart(call)
        except KeyboardInterrupt:
            self._highs = _Lost()
            raise

    def forget(self) -> None:
        """The next run starts from nothing."""
        self._highs.clearSolver()

    @property
    def status(self) -> str:
        """What the last run came to: optimal, infeasible, unbounded, unbounded or infeasible, time limit, interrupted, or HiGHS's
        own words for anything else. Optimal only if values, and prices where there are any, are within HiGHS's tolerances."""
        import highspy

        found, kinds = self._highs.getModelStatus(), highspy.HighsModelStatus
        told = {
            kinds.kOptimal: OPTIMAL, kinds.kInfeasible: INFEASIBLE, kinds.kUnbounded: UNBOUNDED,
            kinds.kUnboundedOrInfeasible: EITHER, kinds.kTimeLimit: TIME_LIMIT, kinds.kInterrupt: INTERRUPTED,
        }.get(found)  # fmt: skip
        if told == OPTIMAL and not (self.fits and (self.whole or self._feasible("dual_solution_status"))):
            return "optimal only beyond the tolerances"
        return told or str(self._highs.modelStatusToString(found))

    @property
    def fits(self) -> bool:
        """Whether the values of the last run keep all rows and bounds."""
        return self._feasible("primal_solution_status")

    def _feasible(self, which: str) -> bool:
        import highspy

        return bool(getattr(self._highs.getInfo(), which) == highspy.SolutionStatus.kSolutionStatusFeasible)

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return f"HiGHS {self._highs.version()}"

    @property
    def objective(self) -> float:
        """Of the last run. By our own arithmetic: after a change of costs HiGHS may still tell that of the run before."""
        return float(self._costs @ self.values) + self._constant

    @property
    def gap(self) -> float:
        """How far the values may be from the best, relative, where columns are whole."""
        return float(self._highs.getInfo().mip_gap)

    @property
    def values(self) -> Vector:
        return np.array(self._highs.getSolution().col_value)

    @property
    def activity(self) -> Vector:
        """The left side of every row."""
        return np.array(self._highs.getSolution().row_value)

    @property
    def prices(self) -> Vector:
        """Change of the objective per unit of the bound of each row."""
        return np.array(self._highs.getSolution().row_dual)

    @property
    def reduced(self) -> Vector:
        """Change of the objective per unit of each column."""
        return np.array(self._highs.getSolution().col_dual)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self._highs.getNumRow(), self._highs.getNumCol()

    @property
    def column_bounds(self) -> tuple[Vector, Vector]:
        lp = self._highs.getLp()
        return _own(lp.col_lower_), _own(lp.col_upper_)

    @property
    def row_bounds(self) -> tuple[Vector, Vector]:
        lp = self._highs.getLp()
        return _own(lp.row_lower_), _own(lp.row_upper_)

    # --- bases --------------------------------------------------------------------------------------------------------

    @property
    def basis(self) -> Start | None:
        """Where the last run ended; None if it left no basis."""
        found = self._highs.getBasis()
        return Start(found) if found.valid else None

    def start(self, basis: Start | Basis) -> None:
        """The next run begins there. Rows that came since are basic; a number of basic members that is not right is mended."""
        rows, _ = self.shape
        if isinstance(basis, Start) and len(basis.native.row_status) == rows:
            self._highs.setBasis(basis.native)
            return
        letters = basis.letters if isinstance(basis, Start) else basis
        self._highs.setBasis(self._spelled(letters, rows))

    def _spelled(self, letters: Basis, rows: int) -> Any:
        import highspy

        kinds = highspy.HighsBasisStatus
        status = {"B": kinds.kBasic, "U": kinds.kUpper, "L": kinds.kLower}
        low, _ = self.row_bounds
        written = letters.rows.ljust(rows, "B")
        made = highspy.HighsBasis()
        made.col_status = [status[letter] for letter in letters.columns]
        made.row_status = [
            kinds.kBasic if letter == "B" else kinds.kLower if low[i] > -INF else kinds.kUpper for i, letter in enumerate(written)
        ]
        made.valid = True
        made.alien = letters.columns.count("B") + written.count("B") != rows
        return made

    @property
    def basic(self) -> NDArray[np.int64]:
        """The member of each slot of the basis: a column j, or −1 − i for the activity of row i."""
        return np.array(self._highs.getBasicVariables()[1])

    def solve_basis(self, right: ArrayLike) -> Vector:
        """B⁻¹ · right, by slot."""
        return np.array(self._highs.getBasisSolve(np.array(right, dtype=np.float64))[1])

    def solve_transposed(self, right: ArrayLike) -> Vector:
        """Bᵀ⁻¹ · right, by row."""
        return np.array(self._highs.getBasisTransposeSolve(np.array(right, dtype=np.float64))[1])

    @property
    def ray(self) -> Vector:
        """Multipliers of the rows that refute the programme, after a run that found nothing fits; zeros if HiGHS has none."""
        found = self._apart(self._highs.getDualRay)[2]
        return np.array(found if found is not None else np.zeros(self.shape[0]))

    def irreducible(self) -> tuple[int, ...] | None:
        """Rows of which none can be spared for nothing to fit, after a run that found so; None where HiGHS finds none."""
        import highspy

        self.set("iis_strategy", 2 + 4)  # from the ray of the programme, then irreducible
        try:
            status, found = self._apart(self._highs.getIis)
        except TypeError:  # up to HiGHS 1.12 it is filled in
            found = highspy.HighsIis()  # type: ignore[attr-defined,unused-ignore]
            status = self._apart(partial(self._highs.getIis, found))
        if status != highspy.HighsStatus.kOk or not getattr(found, "valid_", getattr(found, "valid", False)):
            return None
        rows = getattr(found, "row_index_", getattr(found, "row_index", ()))
        return tuple(int(i) for i in rows)

    # --- changing -----------------------------------------------------------------------------------------------------

    def cost(self, costs: ArrayLike, constant: float = 0.0) -> None:
        """Another objective."""
        self._costs, self._constant = np.array(costs, dtype=np.float64), constant
        self._highs.changeColsCost(len(self._costs), np.arange(len(self._costs), dtype=np.int32), self._costs)
        self._highs.changeObjectiveOffset(constant)

    def cost_of(self, column: int, cost: float) -> None:
        self._costs[column] = cost
        self._highs.changeColCost(column, cost)

    def bound_column(self, column: int, low: float, high: float) -> None:
        self._highs.changeColBounds(column, low, high)

    def bound_columns(self, low: ArrayLike, high: ArrayLike) -> None:
        """The bounds of all columns."""
        low, high = _native(low), _native(high)
        self._highs.changeColsBounds(len(low), np.arange(len(low), dtype=np.int32), low, high)

    def bound_row(self, row: int, low: float, high: float) -> None:
        self._highs.changeRowBounds(row, low, high)

    def relax_whole(self) -> None:
        """No column need be a whole number any more."""
        import highspy

        for j in range(self.shape[1]) if self.whole else ():
            self._highs.changeColIntegrality(j, highspy.HighsVarType.kContinuous)
        self.whole = False

    def coefficient(self, row: int, column: int, value: float) -> None:
        self._highs.changeCoeff(row, column, value)

    def add_row(self, low: float, high: float, entries: Mapping[int, float]) -> int:
        """The index of one more row."""
        at = np.array(list(entries), dtype=np.int32)
        self._highs.addRow(low, high, len(at), at, np.array(list(entries.values()), dtype=np.float64))
        return int(self._highs.getNumRow()) - 1

    def add_columns(self, costs: ArrayLike, entries: tuple[ArrayLike, ArrayLike, ArrayLike]) -> None:
        """Columns ≥ 0 without an upper bound; `entries` are (starts, rows, values) by column."""
        made = np.array(costs, dtype=np.float64)
        self._costs = np.append(self._costs, made)
        starts, rows, values = entries
        index = np.array(rows, dtype=np.int32)
        self._highs.addCols(
            len(made), made, np.zeros(len(made)), np.full(len(made), INF), len(index),
            np.array(starts, dtype=np.int32)[: len(made)], index, np.array(values, dtype=np.float64),
        )  # fmt: skip


class _Lost:
    """In place of an engine whose run was interrupted."""

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt


def _apart(call: Callable[[], Any]) -> Any:
    """What a call comes to that may take long, in a thread of its own: not waited for on Ctrl-C, it then ends with the process.

    HiGHS also keeps a pool of workers per thread, of a size that its first user chose: in a fresh thread nobody was before us.
    """
    found: list[Any] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as fault:  # handed over, raised where somebody waits for it
            faults.append(fault)

    thread = threading.Thread(target=run, name="engine (run)", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)
    if faults:
        raise faults[0]
    return found[0]


def _native(bound: ArrayLike) -> Vector:
    return np.array(bound, dtype=np.float64)


def _own(bound: Any) -> Vector:
    found = np.array(bound, dtype=np.float64)
    return np.where(np.abs(found) >= NATIVE_INF, np.copysign(INF, found), found)
