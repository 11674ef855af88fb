# ruff: noqa: E501 - a case of a table stays on one line
"""Every check has a scenario that trips it, and a clean one that passes; the message says what, where and how to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.checks import scenario as checks
from planner.checks.energy import ENERGY_CHECKS
from planner.checks.scenario import CHECKS
from planner.core.errors import Finding, InputFault, Location, did_you_mean
from planner.inputs.assembly import Inputs, assemble
from planner.inputs.load import bundled, read

CLASSROOM = (bundled("inputs") / "classroom.toml").read_text()
RULE = '[[export_class]]\nid = "any"\n[[export_rule]]\nid = "r"\nstatus = "in_force"\nrank = 5\nclass = "any"\ndestination = "US"\neffect = "{}"\n'
RANGE = '[[range]]\ntable = "{}"\nrow = "{}"\ncolumn = "{}"\nlow = "{}"\nhigh = "{}"\n'
SUPPLY = '[[supply]]\naccelerator = "{}"\nfrom = 2025-01-01\ntotal = "6 GW"\noverlaps = "deal"\n'
CONTRACT = '[[contract]]\nid = "{}"\nprovider = "{}"\nstart = 2025-01-01\n'
FLEET = '[[fleet]]\nsite = "{}"\noffer = "{}"\nracks = "1 rack"\n'


class Trip:
    """A change to the clean scenario and what a check says of it."""

    def __init__(self, check: str, old: str, new: str, key: str, what: str, fix: str = "", severity: str = "error"):
        self.check, self.old, self.new, self.key, self.what, self.fix, self.severity = check, old, new, key, what, fix, severity


def add(check: str, text: str, key: str, what: str, fix: str = "", severity: str = "error") -> Trip:
    return Trip(check, "[limits]", f"{text}\n[limits]", key, what, fix, severity)


OFFER = 'accelerator = "chip"\nprice = "1 USD/gpu/hour"\nterm = "1 year"'
WORK = 'kind = "training"\n'
LIMIT = 'fleet_power = "100 MW"'
TRIPS = [
    # numbers
    Trip("unusual_numbers", '"10 kW/rack"', '"10 GW/rack"', "accelerator.chip.rack_power", "`10 GW/rack` lies outside 1 kW/rack", "number and unit", severity="warning"),
    add("rates_compound", '[money]\ndiscount_rate = "2 %/quarter"', "money.discount_rate", "compounds to 8.24322 %/year", severity="warning"),
    # ids in the tables
    Trip("foreign_keys", 'provider = "north"\ncountry', 'provider = "nrth"\ncountry', "site.north-hall.provider", "provider `nrth`", "`north`"),
    Trip("foreign_keys", 'grid = "grid"', 'grid = "gird"', "site.north-hall.grid", "grid `gird` is not known", "did you mean `grid`?"),
    Trip("foreign_keys", 'accelerator = "chip"', 'accelerator = "ship"', "offer.north-lease.accelerator", "accelerator `ship`", "`chip`"),
    Trip("foreign_keys", 'site = "north-hall"', 'site = "hall"', "site_power.hall.2025-01-01.site", "site `hall`", "north-hall"),
    Trip("foreign_keys", OFFER, OFFER + '\ncontract = "x"', "offer.north-lease.contract", "contract `x`", "there are none"),
    add("foreign_keys", SUPPLY.format("ship"), "supply.ship.2025-01-01.accelerator", "accelerator `ship`", "`chip`"),
    add("foreign_keys", FLEET.format("north-hall", "lease"), "fleet.north-hall.lease.offer", "offer `lease`", "north-lease"),
    add("foreign_keys", RULE.format("permit").replace('class = "any"', 'class = "an"'), "export_rule.r.class", "export_class `an`", "`any`"),
    # providers
    Trip("same_provider", OFFER, OFFER + '\nsite = "south-hall"', "offer.north-lease.site", "site south-hall belongs to south", "same provider"),
    add("same_provider", CONTRACT.format("c", "north") + 'sites = ["south-hall"]\n', "contract.c.sites", "site south-hall belongs to south", "same provider"),
    # selection
    add("selection", '[select]\nproviders = ["nrth"]\n', "select.providers", "provider `nrth` is not known", "did you mean `north`?"),
    add("selection", '[select]\nproviders = ["north"]\nsites = ["south-hall"]\n', "select", "no site is left to plan with", "[select]"),
    add("selection", '[select]\nproviders = ["north"]\nsites = ["south-hall"]\n', "select.sites", "is selected and yet left out", "select that too", "warning"),
    # years and names of the scenario
    Trip("horizon_has_periods", LIMIT, 'budget = { 2040 = "1 million USD" }', "limits.budget.2040", "no period in 2040", "move the horizon", "warning"),
    Trip("horizon_has_periods", LIMIT, 'carbon = { 2040 = "1 t" }', "limits.carbon.2040", "no period in 2040", "drop it", "warning"),
    Trip("scenario_names", WORK, WORK + 'sites = ["hall"]\n', "workload.training.sites", "site `hall`", "north-hall"),
    Trip("scenario_names", WORK, WORK + 'countries = ["DE"]\n', "workload.training.countries", "country `DE` is not known", "`US`"),
    Trip("scenario_names", WORK, WORK + 'accelerators = ["ship"]\n', "workload.training.accelerators", "accelerator `ship`", "`chip`"),
    add("scenario_names", '[[workload]]\nid = "training"\nkind = "training"\ndemand = "1 h100e"\n', "workload.training.id", "stands twice", "rename"),
    add("scenario_names", '[[route]]\nworkload = "trainin"\nallowed = false\n', "route.0.workload", "workload `trainin`", "`training`"),
    add("scenario_names", '[[route]]\nworkload = "training"\nsite = "x"\nallowed = false\n', "route.0.site", "site `x`", "north-hall"),
    add("scenario_names", '[[route]]\nworkload = "training"\nsite = "north-hall"\n', "route.0", "it does nothing", "allowed = false", "warning"),
    Trip("scenario_names", LIMIT, 'provider_power = { nrth = "1 GW" }', "limits.provider_power.nrth", "provider `nrth`", "`north`"),
    Trip("scenario_names", LIMIT, 'country_power = { DE = "1 GW" }', "limits.country_power.DE", "country `DE`", "`US`"),
    Trip("scenario_names", LIMIT, 'provider_share = [ { provider = "x", max = 1 } ]', "limits.provider_share.0.provider", "provider `x`", "`north`"),
    Trip("scenario_names", LIMIT, 'provider_share = [ { provider = "north", max = 1 }, { provider = "north", max = 0.5 } ]', "limits.provider_share", "limited twice", "keep one"),
    # workloads that nothing serves
    Trip("servable", WORK, 'kind = "inference"\n', "workload.training.kind", "no selected accelerator has a throughput for kind `inference`", "training"),
    Trip("servable", WORK, WORK + 'min_memory = "1 GB/gpu"\n', "workload.training", "nothing can serve workload `training`", "its min_memory leave no offer"),
    add("servable", '[[route]]\nworkload = "training"\nallowed = false\n', "workload.training", "nothing can serve", "routes that are not allowed"),
    Trip("servable", '[[site_power]]\nsite = "north-hall"\nfrom = 2025-01-01\npower = "200 MW"\n\n[[site_power]]\nsite = "south-hall"\nfrom = 2025-01-01\npower = "200 MW"', "",
         "workload.training", "nothing can serve", "rows in site_power"),
    # dates outside a table
    Trip("covers", OFFER, OFFER + '\nenergy = "metered"', "grid.grid.price", "has no price on 2025-01-01, but offer north-lease is metered", "add price"),
    Trip("covers", '[[grid]]\nid = "grid"\n', '[[offer]]\nid = "m"\nprovider = "north"\naccelerator = "chip"\nenergy = "metered"\n[[grid]]\nid = "grid"\nfrom = 2026-01-01\nprice = "5 USD/MWh"\n',
         "grid.grid.price", "its price begins after 2025-01-01", "from the first day"),
    Trip("covers", LIMIT, 'carbon = { 2026 = "1 t" }', "grid.grid.carbon", "has no carbon on 2025-01-01", "add carbon"),
    Trip("covers", 'id = "chip"\n', 'id = "chip"\nfrom = 2026-01-01\n', "accelerator.chip", "its throughput for training begins after", "leave `from` blank"),
    add("covers", '[[accelerator]]\nid = "chip"\nfrom = 2026-01-01\nchips_per_rack = "10 gpu/rack"\nrack_power = "11 kW/rack"\n', "accelerator.chip.rack_power", "only throughput may change", "an id of its own"),
    Trip("covers", LIMIT, 'national_share = { US = "1 %" }', "limits.national_share.US", "US has no installed capacity", "add capacity"),
    # offers
    Trip("offers_are_bounded", OFFER, OFFER + '\ncapex = "1 USD/rack"', "offer.north-lease.capex", "has no lifetime", "5 year"),
    add("offers_are_bounded", '[[site]]\nid = "cloud"\nprovider = "north"\ncountry = "US"\ngrid = "grid"\npue = 1\n[[offer]]\nid = "od"\nprovider = "north"\naccelerator = "chip"\nbilling = "on_demand"\n',
        "offer.od.max", "nothing bounds this on-demand offer at cloud", "give max"),
    # fleet
    add("fleet_is_clear", FLEET.format("south-hall", "north-lease"), "fleet.south-hall.north-lease", "does not stand at site", "name an offer"),
    add("fleet_is_clear", FLEET.format("north-hall", "od") + '[[offer]]\nid = "od"\nprovider = "north"\naccelerator = "chip"\nbilling = "on_demand"\n', "fleet.north-hall.od", "on-demand offers have no fleet", "reserved"),
    add("fleet_is_clear", '[[site]]\nid = "dark"\nprovider = "north"\ncountry = "US"\ngrid = "grid"\npue = 1\n' + FLEET.format("dark", "north-lease"), "fleet.dark.north-lease", "no power that can be contracted", "site_power"),
    add("fleet_is_clear", FLEET.format("north-hall", "north-lease") + FLEET.format("north-hall", "north-lease") + "from = 2026-01-01\n", "fleet.north-hall.north-lease", "overlaps the row in", "end one before"),
    # export control
    add("export_is_clear", '[export_control]\nenable = ["x"]\n', "export_control.enable.0", "export rule `x` is not known", "there are none"),
    add("export_is_clear", '[export_control]\ndisable = ["x"]\n', "export_control.disable.0", "export rule `x` is not known", "there are none"),
    add("export_is_clear", RULE.format("permit") + '[export_control]\nenable = ["r"]\n', "export_control.enable.0", "has no first day", "from = 2026-01-01"),
    add("export_is_clear", RULE.format("permit") + '[export_control]\nstatus = ["in_fore"]\n', "export_control.status", "status `in_fore` is not known", "did you mean `in_force`?", "warning"),
    add("export_is_clear", RULE.format("permit").replace('"US"', '"US-tier9"'), "export_rule.r.destination", "country or group `tier9`", "`US`", "warning"),
    add("export_is_clear", RULE.format("permit") + 'effective_from = 2025-01-01\n[[country]]\niso2 = "DE"\n', "site.north-hall.country", "country US is not in the countries table", "with its groups"),
    add("performance_is_known", RULE.format("cap") + 'amount = "5 TPP"\neffective_from = 2025-01-01\n', "accelerator.chip.tpp", "has no tpp, which export rule r counts by", "total processing"),
    add("licences_weigh", '[[licence]]\nid = "l"\ndestination = "US"\nquantity = "5 gpu"\nof = "chip"\n', "licence.l.of", "chip has no tpp", "leave `of` blank"),
    # ranges
    add("ranges_are_clear", RANGE.format("offer", "north-lease", "price", "1 USD/gpu/hour", "2 USD/gpu/hour"), "range.offer.north-lease.price.table", "there is no table `offer`", "did you mean `offers`"),
    add("ranges_are_clear", RANGE.format("offers", "nrth-lease", "price", "1 USD/gpu/hour", "2 USD/gpu/hour"), "range.offers.nrth-lease.price.row", "there is no row `nrth-lease` in offers", "`north-lease`"),
    add("ranges_are_clear", RANGE.format("site_power", "north-hall", "power", "-5 %", "5 %") + "from = 2031-01-01\n", "range.site_power.north-hall.power.2031-01-01.row", "there is no row `north-hall` from 2031-01-01", "`north-hall`"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "prize", "1 USD/gpu/hour", "2 USD/gpu/hour"), "range.offers.north-lease.prize.column", "offers has no column `prize`", "did you mean `price`"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "lifetime", "1 year", "2 year"), "range.offers.north-lease.lifetime.column", "is blank, so it has no range", "fill the cell"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "price", "2 USD/gpu/hour", "1 USD/gpu/hour"), "range.offers.north-lease.price.low", "low 2 USD/gpu/hour is above high", "swap"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "price", "1 USD/gpu/hour", "1 USD/gpu/hour"), "range.offers.north-lease.price.low", "an empty range", "drop the row"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "price", "3 USD/gpu/hour", "4 USD/gpu/hour"), "range.offers.north-lease.price.low", "price of north-lease is not between 3 USD/gpu/hour and 4 USD/gpu/hour", "widen the range"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "price", "1", "4 USD/gpu/hour"), "range.offers.north-lease.price.low", "low or high cannot be of price: `1` has no unit", "USD/gpu/hour"),
    add("ranges_are_clear", RANGE.format("offers", "north-lease", "price", "-10 %", "2 USD/gpu/hour"), "range.offers.north-lease.price.low", "cannot be of price", ""),
    add("ranges_are_clear", RANGE.format("site_power", "north-hall", "from", "-5 %", "5 %"), "range.site_power.north-hall.from.low", "is not in month", "6 month"),
    add("ranges_are_clear", RANGE.format("site_power", "north-hall", "from", "1 month", "6 month"), "range.site_power.north-hall.from.low", "from of north-hall is not between 1 month", "widen"),
    add("ranges_are_clear", RANGE.format("sites", "north-hall", "pue", "0.5", "3"), "range.sites.north-hall.pue.low", "0.5 is below 1", "0.6"),
    add("ranges_are_clear", RANGE.format("workload", "training", "demand", "5 h100e", "9 h100e"), "range.workload.training.demand.low", "takes relative ends only", "-20 %"),
    add("ranges_are_clear", RANGE.format("offers", "*-lease", "price", "-10 %", "10 %") + 'likely = "20 %"\n', "range.offers.*-lease.price.likely", "likely 20 % lies outside", "between"),
    add("ranges_are_clear", RANGE.format("offers", "*-lease", "price", "-100 %", "10 %") + 'shape = "lognormal"\n', "range.offers.*-lease.price.low", "which a lognormal never reaches", "another shape"),
    add("ranges_are_clear", RANGE.format("offers", "*-lease", "price", "-10 %", "10 %") + 'group = "g"\n' + RANGE.format("workload", "*", "demand", "-10 %", "10 %") + 'group = "g"\nshape = "uniform"\n', "range.workload.*.demand.shape", "group g is uniform here and triangular in", "one shape"),
    # objectives and announcements
    add("money_is_known", '[objective]\nminimize = "unserved"\n', "objective", "nothing to minimise", "unserved ="),
    add("money_is_known", '[objective]\nminimize = "energy"\n[[workload]]\nid = "second"\nkind = "training"\ndemand = "1 h100e"\nunserved = "1 USD/h100e/hour"\n',
        "objective", "unserved prices of second do nothing", "", "warning"),
    add("overlapping_announcements", SUPPLY.format("chip") + CONTRACT.format("c", "north") + 'overlaps = "deal"\n', "select", "may be the same gigawatts (group deal)", "", "warning"),
]  # fmt: skip


def load(tmp_path: Path, text: str) -> Inputs:
    path = tmp_path / "a.toml"
    path.write_text(text)
    return assemble(read(str(path)))


def test_the_clean_scenario_passes(tmp_path: Path) -> None:
    assert checks.check(load(tmp_path, CLASSROOM)) == []


def test_every_check_is_tripped_below() -> None:
    energy = {check.__name__ for check in ENERGY_CHECKS}  # tests/test_checks_energy.py
    assert {trip.check for trip in TRIPS} == {check.__name__ for check in CHECKS} - energy


@pytest.mark.parametrize("trip", TRIPS, ids=lambda t: f"{t.check}: {t.what}")
def test_trip(tmp_path: Path, trip: Trip) -> None:
    assert trip.old in CLASSROOM
    inputs = load(tmp_path, CLASSROOM.replace(trip.old, trip.new, 1))
    rule = getattr(checks, trip.check)
    found = [f for f in rule(inputs) if f.where.key == trip.key and trip.what in f.what]
    assert found, [str(f) for f in rule(inputs)]
    finding = found[0]
    assert finding.severity == trip.severity
    assert trip.fix in finding.fix
    assert finding.fix or finding.severity == "warning"
    assert finding.where.file.endswith("a.toml")
    assert finding.where.line > 0
    lines = (tmp_path / "a.toml").read_text().split("\n")
    if trip.key.startswith(("site.", "offer.", "contract.", "licence.", "limits.")) and finding.where.line > 1:
        last = trip.key.rpartition(".")[2]
        assert last in lines[finding.where.line - 1] or "[[" in lines[finding.where.line - 1]


def test_errors_come_all_at_once_and_warnings_are_returned(tmp_path: Path) -> None:
    text = CLASSROOM.replace('grid = "grid"', 'grid = "gird"').replace(
        LIMIT, 'provider_power = { nrth = "1 GW" }\nbudget = { 2040 = "1 million USD" }'
    )
    with pytest.raises(InputFault) as caught:
        checks.check(load(tmp_path, text))
    keys = [f.where.key for f in caught.value.findings]
    assert keys == ["site.north-hall.grid", "site.south-hall.grid", "limits.provider_power.nrth"]
    (warning,) = checks.check(load(tmp_path, CLASSROOM.replace(LIMIT, 'budget = { 2040 = "1 million USD" }')))
    assert str(warning).split("a.toml")[1].startswith(":91: limits.budget.2040: warning: the horizon has no period in 2040")


def test_an_unknown_selection_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(InputFault) as caught:
        checks.check(load(tmp_path, CLASSROOM.replace("[limits]", '[select]\nproviders = ["nrth"]\n[limits]')))
    assert [f.where.key for f in caught.value.findings] == ["select.providers"]


def test_contracts_of_providers_left_out_are_named(tmp_path: Path) -> None:
    text = CLASSROOM.replace("[limits]", CONTRACT.format("c", "south") + '[select]\nproviders = ["north"]\n[limits]')
    (warning,) = checks.check(load(tmp_path, text))
    assert "contract c is left out with its provider south" in warning.what


def test_every_bundled_scenario_is_clean() -> None:
    for path in sorted(bundled("inputs").glob("*.toml")):
        assert all(f.severity == "warning" for f in checks.check(assemble(read(str(path))))), path.name


# --- how findings are told ----------------------------------------------------------------------------------------------


def test_a_finding_is_printed_with_place_and_way_out() -> None:
    finding = Finding(Location("a.toml", 42, "site.x.pue"), "0.92 is below 1", "measure it")
    assert str(finding) == "a.toml:42: site.x.pue: 0.92 is below 1\n  fix: measure it"
    assert str(Finding(Location("a.toml"), "is empty")) == "a.toml: is empty"
    assert str(Finding(Location(), "nothing fits", severity="warning")) == "warning: nothing fits"


def test_faults_are_sorted_and_each_is_said_once() -> None:
    one, two = Finding(Location("a", 9), "x"), Finding(Location("a", 10), "y")
    assert InputFault([two, one, two]).findings == [one, two]


@pytest.mark.parametrize(
    ("word", "known", "says"),
    [
        ("abilen", ["abilene", "milam"], "did you mean `abilene`?"),
        ("US-EAST", ["us_east"], "did you mean `us_east`?"),
        ("zzz", ["a", "b"], "known: `a`, `b`"),
        ("zzz", [], "there are none to choose from"),
        ("zzz", [str(i) for i in range(10)], "and 2 more"),
    ],
)
def test_the_nearest_names(word: str, known: list[str], says: str) -> None:
    assert says in did_you_mean(word, known)
