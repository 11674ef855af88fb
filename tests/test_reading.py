# ruff: noqa: E501 - a case of a table stays on one line
"""Scenarios on disk: bases, inline rows, `--set`, profile folders, and what a user is told when something is wrong."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.checks.scenario import check
from planner.core.errors import InputFault
from planner.inputs.assembly import Inputs, assemble
from planner.inputs.load import ENERGY, bundled, bundled_collections, read, read_tables
from planner.inputs.tables import TABLES

CLASSROOM = (bundled("inputs") / "classroom.toml").read_text()


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Writes files and gives the path of the first."""

    def write(text: str = CLASSROOM, **files: str) -> str:
        (tmp_path / "a.toml").write_text(text)
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_toml", ".toml").replace("_csv", ".csv")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(content)
        return str(tmp_path / "a.toml")

    return write


def faults(path: str, *sets: str) -> list[str]:
    """Findings as `line key: what | fix`."""
    with pytest.raises(InputFault) as caught:
        check(assemble(read(path, sets)))
    found = caught.value.findings
    assert found == sorted(found)
    assert all(f.where.file and f.fix for f in found), found
    return [f"{f.where.line} {f.where.key}: {f.what} | {f.fix}" for f in found]


def inputs(path: str, *sets: str) -> Inputs:
    found = assemble(read(path, sets))
    check(found)
    return found


def changed(old: str, new: str, text: str = CLASSROOM) -> str:
    assert old in text
    return text.replace(old, new, 1)


# --- bases ------------------------------------------------------------------------------------------------------------


def test_a_chain_of_bases(put: Any) -> None:
    path = put(
        'extends = "b.toml"\nschema = 1\nname = "A"\n[limits]\nfleet_power = "90 MW"\n',
        b_toml='extends = "c.toml"\nschema = 1\n[limits]\nprovider_power = { north = "70 MW" }\nfleet_power = "1 MW"\n[money]\ndiscount_rate = "8 %/year"\n',
        c_toml=CLASSROOM + '\n[money]\nrates = { CAD = "0.7 USD" }\n',
    )
    found = inputs(path)
    limits = found.scenario.limits
    assert limits.fleet_power and limits.fleet_power.series.points == ((None, 90.0),)
    assert limits.provider_power["north"].series.points == ((None, 70.0),)
    assert found.scenario.money.discount_rate == 0.08
    assert found.scenario.money.rates == {"CAD": 0.7}
    assert [Path(source.shown).name for source in found.files] == ["a.toml", "b.toml", "c.toml"]


def test_rows_merge_by_id_and_new_ones_are_added(put: Any) -> None:
    path = put(
        'extends = "classroom"\nschema = 1\n[[site]]\nid = "north-hall"\npue = 1.5\n[[provider]]\nid = "east"\n'
        '[[site_power]]\nsite = "north-hall"\nfrom = 2025-01-01\npower = "10 MW"\n[[site_power]]\nsite = "south-hall"\npower = "20 MW"\n'
    )
    found = inputs(path)
    assert found.sites["north-hall"].pue == 1.5
    assert found.sites["north-hall"].grid == "grid"
    assert set(found.providers) == {"north", "south", "east"}
    assert found.site_power["north-hall"][0].power == 10
    assert found.site_power["south-hall"][0].power == 20  # a row without a day changes every row of the id


def test_series_and_soft_limits_are_replaced_whole(put: Any) -> None:
    base = changed(
        'fleet_power = "100 MW"',
        'fleet_power = { max = "100 MW", at = "5 USD/MW/year" }\nprovider_power = { north = { max = "1 GW", at = "3 USD/MW/year" } }',
    )
    top = 'extends = "b.toml"\nschema = 1\n[limits]\nfleet_power = [ { from = 2025-01-01, value = "90 MW" } ]\nprovider_power = { south = "5 GW", north = "2 GW" }\n'
    top += '[[workload]]\nid = "training"\ndemand = "1000 h100e"\n'
    limits = inputs(put(top, b_toml=base)).scenario.limits
    assert limits.fleet_power and (limits.fleet_power.price, limits.fleet_power.series.points) == (
        None,
        ((date(2025, 1, 1), 90.0),),
    )
    assert limits.provider_power["north"].price is None
    assert set(limits.provider_power) == {"north", "south"}


def test_routes_of_a_base_stay(put: Any) -> None:
    route = '[[route]]\nworkload = "training"\nsite = "north-hall"\ncost = "1 USD/h100e/hour"\n'
    top = 'extends = "b.toml"\nschema = 1\n' + route.replace("1 USD", "2 USD") + route.replace("north", "south")
    found = inputs(put(top, b_toml=CLASSROOM + route)).scenario.route
    assert [(r.site, r.cost) for r in found] == [("north-hall", 2.0), ("south-hall", 1.0)]


def test_a_doubled_row_is_found_in_a_scenario_with_a_base(put: Any) -> None:
    twice = '[[site]]\nid = "north-hall"\npue = 1.5\n[[site]]\nid = "north-hall"\npue = 1.6\n'
    assert "`north-hall` stands twice" in faults(put('extends = "classroom"\nschema = 1\n' + twice))[0]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('"a.toml"', "in a circle: a.toml -> a.toml | cut it"),
        ('"b.toml"', "in a circle: a.toml -> b.toml -> a.toml | cut it"),
        ('"nope.toml"', "there is no scenario `nope.toml`"),
        ('"clasroom"', "did you mean `classroom`?"),
        ('"x\\u0000y"', "there is no scenario"),
        (f'"{"x" * 400}"', "there is no scenario"),
        ("3", "wants the path or name of a scenario"),
        ('""', "wants the path or name of a scenario"),
    ],
)
def test_bases_that_are_not(put: Any, written: str, says: str) -> None:
    (found,) = faults(put(f"schema = 1\nextends = {written}\n", b_toml='extends = "a.toml"\n'))
    assert says in found


def test_a_base_elsewhere_brings_its_own_profiles(put: Any) -> None:
    offers = "id,provider,accelerator,price [USD/gpu/hour],source,confidence\nnorth-lease,north,chip,{},me,assumed\n"
    base = CLASSROOM.replace("profiles = []\n", "")
    path = put(
        'extends = "far/b.toml"\nschema = 1\n[select]\nproviders = ["north", "south"]\naccelerators = ["chip"]\n',
        far__b_toml=base.replace(
            '[[offer]]\nid = "north-lease"\nprovider = "north"\naccelerator = "chip"\nprice = "1 USD/gpu/hour"\nterm = "1 year"\n',
            "",
        ),
        far__profiles__offers_csv=offers.format(7),
    )
    found = inputs(path)
    assert next(o for o in found.offers if o.id == "north-lease").price == 7


# --- --set ------------------------------------------------------------------------------------------------------------


def pick(found: Inputs, where: str) -> Any:
    """An attribute of the inputs by path; for the table below."""
    return eval(where, {"i": found, "s": found.scenario})  # noqa: S307


@pytest.mark.parametrize(
    ("written", "where", "value"),
    [
        ("limits.fleet_power=20 GW", "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        ("limits.fleet_power='20 GW'", "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        ('limits.fleet_power="20 GW"', "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        (" limits . fleet_power = 20 GW ", "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        ('"limits"."fleet_power"=20 GW', "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        ("limits.fleet_power={max='20 GW', at='2 USD/MW/year'}", "s.limits.fleet_power.series.points", ((None, 20_000.0),)),
        ("limits.budget.2026=3 billion USD", 's.limits.budget["2026"].series.points', ((None, 3e9),)),
        ("limits.budget={2026='3 USD'}", 's.limits.budget["2026"].series.points', ((None, 3.0),)),
        ("limits.provider_power.north=1 GW", 's.limits.provider_power["north"].series.points', ((None, 1000.0),)),
        ("limits.provider_share=[{provider='north', max='60 %'}]", "s.limits.provider_share[0].max", 0.6),
        ("horizon.end=2026-12-31", "s.horizon.end", date(2026, 12, 31)),
        ("horizon.step=month", "len(i.horizon)", 36),
        ("workload.training.demand=10000 h100e", "s.workload[0].demand.points", ((None, 10_000.0),)),
        ("workload.training.demand.1.value=3 h100e", "s.workload[0].demand.points[1][1]", 3.0),
        ("workload.0.unserved=1 USD/h100e/hour", "s.workload[0].unserved", 1.0),
        ("site.north-hall.delay=3 month", 'i.sites["north-hall"].delay', 3.0),
        ("site.north-hall.pue=1.25", 'i.sites["north-hall"].pue', 1.25),
        ("offer.north-lease.price=1.5 USD/gpu/hour", 'i.offers_of("north-lease")[0].price', 1.5),
        ("offer.north-lease.to=2026-12-31", 'i.offers_of("north-lease")[0].to', date(2026, 12, 31)),
        ("site_power.north-hall.power=10 MW", 'i.site_power["north-hall"][0].power', 10.0),
        ("site_power.north-hall.2025-01-01.power=10 MW", 'i.site_power["north-hall"][0].power', 10.0),
        ("site_power.north-hall.'2025-01-01'.power=10 MW", 'i.site_power["north-hall"][0].power', 10.0),
        ("accelerator.chip.throughput_training=2 h100e/gpu", 'i.accelerators["chip"][0].throughput["training"]', 2.0),
        ("name=a = b, 'c'", "s.name", "a = b, 'c'"),
        ("name='a.b \"c\"'", "s.name", 'a.b "c"'),
        ("solve.whole_racks=true", "s.solve.whole_racks", True),
        ("money.rates.CAD=0.7 USD", "s.money.rates", {"CAD": 0.7}),
        ("select.providers=north", "set(i.providers)", {"north"}),
        ("assumption.everything.why=so", "s.assumption[0].why", "so"),
        ("assumption.'limits.fleet_power'.why=so", "[a.key for a in s.assumption]", ["everything", "limits.fleet_power"]),
        ("objective.minimize=peak_power", "s.objective.name", "peak_power"),
    ],
)
def test_set(put: Any, written: str, where: str, value: object) -> None:
    assert pick(inputs(put(), written), where) == value


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("limits.fleet_power", "not of the form key=value"),
        ("=3", "not of the form key=value"),
        ("a..b=3", "not of the form key=value"),
        ("", "not of the form key=value"),
        ("limits.fleet_power=", "limits.fleet_power: is empty where a quantity is due"),
        ("limits.fleet_power=20", "limits.fleet_power: 20 has no unit"),
        ("limits.fleet_power.max=20 GW", "limits.fleet_power: a soft limit has two keys"),
        ("limits.flet_power=20 GW", "unknown key `flet_power` | did you mean `fleet_power`"),
        ("limits.provider_share.0.max=5 %", "limits.provider_share: a list is wanted, got a table"),
        ("limits=3", "limits: a table is wanted, got `3`"),
        ("limits.budget={2026=3", "not valid TOML"),
        ("site.nrth-hall.pue=2", "there is no site `nrth-hall` | did you mean `north-hall`"),
        ("site.north-hall.peu=2", "site.north-hall.peu: unknown key `peu` | did you mean `pue`?"),
        ("site.north-hall=2", "`site.north-hall` is a row; name the column too"),
        ("site=2", "`site` is a list of rows"),
        ("workload.trainin.kind=x", "there is no workload `trainin` | did you mean `training`?"),
        ("workload.training.demand.from=3", "there is no element `from` in this list of 3"),
        ("site_power.north-hall.2029-01-01.power=3 MW", ""),
        ("fleet.north-hall.north-lease.racks=3", "fleet.north-hall.north-lease.racks: 3 has no unit"),
        ("supply.ship.rate=3 rack/quarter", "there is no supply `ship`"),
        ("extends=b.toml", "cannot be set here"),
        ("horizon.start=2029-01-01", "end 2027-12-31 is before start 2029-01-01"),
        ("schema=2", "schema: `2` is not possible here"),
        ("schema=true", "schema: `True` is not possible here"),
        ("profiles=['nowhere']", "there is no folder `nowhere`"),
        ("site.²=3", "is a row"),
        ("limits.provider_share=[{provider='nrth', max=1}]", "provider `nrth` is not known | did you mean `north`?"),
    ],
)
def test_set_that_cannot_be(put: Any, written: str, says: str) -> None:
    if not says:  # a new day of a known site is fine
        assert len(inputs(put(), written).site_power["north-hall"]) == 2
        return
    found = faults(put(), written)
    assert any(says in line for line in found), found


def test_set_changes_rows_of_the_profiles(tmp_path: Path) -> None:
    path = "openai-base"
    found = assemble(
        read(
            path,
            ["site.abilene.delay=3 month", "site_power.abilene.2025-12-24.power=1 MW", "supply.gb200_nvl72.rate=1 rack/quarter"],
        )
    )
    assert found.sites["abilene"].delay == 3
    assert [row.power for row in found.site_power["abilene"]][:2] == [147, 1]
    assert {round(row.rate * 2191.5, 9) for row in found.supply if row.rate and row.accelerator == "gb200_nvl72"} == {1.0}
    assert found.sites["abilene"].origin.confidence.startswith("reported; delay=assumed; pue_energy")
    with pytest.raises(InputFault, match="there is no site `abilen`\n  fix: did you mean `abilene`"):
        read(path, ["site.abilen.delay=3 month"])
    assert any("offer `oracle` is not known" in line for line in faults(path, "fleet.abilene.oracle.racks=3 rack"))


# --- profile folders --------------------------------------------------------------------------------------------------

SITE = "id,provider,country,grid,pue,source,confidence\n"


def test_own_profiles_win_by_key_and_shadow_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "sites.csv").write_text(SITE + "abilene,oracle,US,ERCOT,1.11,me,assumed\n")
    Path("a.toml").write_text('schema = 1\nextends = "openai-base"\n')
    document = read("a.toml")
    site = assemble(document).sites["abilene"]
    assert (site.pue, site.name, site.where.file) == (1.11, "", "./profiles/sites.csv")
    shown = [source.shown for source in document.files]
    assert "profiles/openai/sites.csv" in shown
    assert "./profiles/sites.csv" in shown
    Path("a.toml").write_text('schema = 1\nextends = "openai-base"\nprofiles = ["reference", "openai"]\n')
    assert assemble(read("a.toml")).sites["abilene"].pue == 1.40


def test_inline_rows_change_single_columns(put: Any) -> None:
    found = assemble(
        read(put('schema = 1\nextends = "openai-base"\n[[offer]]\nid = "oracle-gb200-reserved"\nprice = "9 USD/gpu/hour"\n'))
    )
    (offer,) = found.offers_of("oracle-gb200-reserved")
    assert (offer.price, offer.term, offer.origin.inline) == (9.0, 5.0, True)
    assert offer.origin.confidence.startswith("estimated; price=assumed")
    places = {name: where.file for name, _, _, where in offer.origin.written}
    assert places["price"].endswith("a.toml")
    assert places["term"] == "profiles/openai/offers.csv"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            '["bundled"]',
            '`bundled` is no longer one collection: what is true for everyone is apart from one customer\'s case | write ["reference"]',
        ),
        (
            '["opnai"]',
            "there is no folder `opnai` beside a.toml, and no bundled collection of that name | did you mean `openai`? (bundled are reference, openai;",
        ),
        ('["zzz"]', "no bundled collection of that name | known: `openai`, `reference`"),
        (
            '["reference"]',
            "`reference` is a bundled collection, and a folder of that name stands beside the scenario | write `./reference`",
        ),
    ],
)
def test_names_of_collections(put: Any, written: str, says: str) -> None:
    found = faults(put(changed("profiles = []", f"profiles = {written}"), reference__x_md=""))
    assert says in found[0], found


def test_a_folder_of_a_collections_name_is_read_as_a_path(put: Any) -> None:
    path = put(changed("profiles = []", 'profiles = ["./openai"]'), openai__sites_csv=SITE + "x,north,US,grid,1.1,me,assumed\n")
    assert "x" in inputs(path).sites


def test_the_reference_is_the_default_and_the_customer_is_asked_for(put: Any) -> None:
    found = inputs(put(changed("profiles = []\n", "")))
    assert "gb200_nvl72" in {row.id for row in found.everything["accelerators"]}  # type: ignore[attr-defined]
    assert not found.everything["fleet"] and not found.everything["contracts"]
    assert inputs(put(changed("profiles = []", 'profiles = ["reference", "openai"]'))).everything["fleet"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,provider,country,grid,source,confidence\n", "1 : column `pue` is missing"),
        ("id,provider,country,grid,pue\nx,north,US,grid,1\n", "1 : column `source` is missing"),
        (SITE.replace("pue", "pu"), "1 pu: table sites has no column `pu` | did you mean `pue`?"),
        (SITE + "x,north,US,grid,1,,assumed\n", "2 site.x: has no source"),
        (SITE + "x,north,US,grid,1,me,sure\n", "2 site.x.confidence: confidence `sure` is not known"),
        (SITE + "x,north,US,grid,,me,assumed\n", "2 site.x.pue: `pue` is missing | fill the column `pue`"),
        (SITE + "x,north,US,grid,0.9,me,assumed\n", "2 site.x.pue: 0.9 is below 1"),
        (SITE + "x,north,US,grid,nan,me,assumed\n", "2 site.x.pue: `nan` is not a quantity"),
        (SITE + "x,north,US,grid,1e400,me,assumed\n", "2 site.x.pue: `1e400` is out of range"),
        (SITE + 'x,north,US,grid,"1,2",me,assumed\n', "2 site.x.pue: `1,2` is not a quantity"),
        (SITE + "x,north,usa,grid,1,me,assumed\n", "2 site.x.country: `usa` is not a name"),
        (SITE + "x y,north,US,grid,1,me,assumed\n", "2 site.x y.id: `x y` is not a name"),
        (SITE + "x,north,US,grid,1,me,assumed\nx,north,US,grid,2,me,assumed\n", "3 site: `x` stands twice, first in"),
        (SITE + "x,nrth,US,grid,1,me,assumed\n", "2 site.x.provider: provider `nrth` is not known | did you mean `north`?"),
        (
            SITE.replace("pue", "pue,build_rate") + "x,north,US,grid,1,300,me,assumed\n",
            "1 build_rate: column `build_rate` has no unit | write it into the header, e.g. `build_rate [MW/hour]`",
        ),
        (
            SITE.replace("pue", "pue,build_rate [mW]") + "x,north,US,grid,1,300,me,assumed\n",
            "1 build_rate: the unit of column `build_rate` cannot be used: the unit `mW` is refused",
        ),
        (
            SITE.replace("pue", "pue,build_rate [MW_IT/quarter]") + "x,north,US,grid,1,300,me,assumed\n",
            "is IT power and this field wants facility power",
        ),
        (
            SITE.replace("pue", "pue,build_rate [MW/quarter]") + "x,north,US,grid,1,300 MW,me,assumed\n",
            "2 site.x.build_rate: `300 MW` is not a plain number; its unit [MW/quarter]",
        ),
        (SITE.replace("grid", "grid [MW]") + "x,north,US,grid,1,me,assumed\n", "1 grid: column `grid` takes no unit"),
        ("id;provider\n", "1 : columns are separated by semicolons"),
        (SITE + "x,north\n", "2 : has 2 cells where the header has 7"),
        (SITE.replace("pue", "pue,pue"), "1 : column `pue` stands twice"),
        ("", "0 : is empty"),
    ],
)
def test_tables_with_faults(put: Any, text: str, says: str) -> None:
    found = faults(put(changed("profiles = []", 'profiles = ["p"]'), p__sites_csv=text))
    assert any(says in line for line in found), found


def test_a_table_that_is_not_utf8_or_has_a_mark(put: Any, tmp_path: Path) -> None:
    path = put(changed("profiles = []", 'profiles = ["p"]'), p__sites_csv="")
    file = tmp_path / "p" / "sites.csv"
    file.write_bytes(b"\xef\xbb\xbf" + SITE.encode() + b"x,north,NA,grid,1,me,assumed\n")
    assert inputs(path).sites["x"].country == "NA"  # Namibia stays text
    file.write_bytes(SITE.encode() + "x,north,US,grid,1,Zürich,assumed\n".encode("latin-1"))
    assert "2 : is not UTF-8 text" in faults(path)[0]


def test_a_second_row_of_one_key_over_the_bundled_one_is_found(put: Any) -> None:
    twice = SITE + "abilene,oracle,US,ERCOT,1.1,me,assumed\n" * 2
    assert any(
        "`abilene` stands twice" in line
        for line in faults(put('schema = 1\nextends = "openai-base"\n', profiles__sites_csv=twice))
    )


def test_ids_that_differ_only_by_a_dash_stay_apart(put: Any) -> None:
    text = CLASSROOM.replace("north-hall", "hall-1").replace("south-hall", "hall_1")
    found = inputs(put(text), "site.hall_1.delay=3 month")
    assert (found.sites["hall-1"].delay, found.sites["hall_1"].delay) == (0.0, 3.0)


def test_bundled_names_and_paths() -> None:
    assert read("classroom").name == read("classroom.toml").name == "classroom"
    with pytest.raises(InputFault, match="there is no scenario `clasroom`\n  fix: did you mean `classroom`"):
        read("clasroom")
    with pytest.raises(InputFault, match="is a folder"):
        read(str(bundled("inputs")))
    for odd in ("x" * 5000, "a\0b", ""):
        with pytest.raises(InputFault):
            read(odd)


def test_currencies_come_from_money_rates(put: Any) -> None:
    text = changed('price = "1 USD/gpu/hour"', 'price = "2 CAD/gpu/hour"') + '\n[money]\nrates = { CAD = "0.71 USD" }\n'
    assert inputs(put(text)).offers_of("north-lease")[0].price == 1.42
    assert any("say what it is worth" in line for line in faults(put(changed("1 USD/gpu/hour", "2 CAD/gpu/hour"))))
    for code in ("USD", "TPP", "GW", "million", "cad"):
        assert any(
            f"money.rates.{code}" in line for line in faults(put(CLASSROOM + f'\n[money]\nrates = {{ {code} = "3 USD" }}\n'))
        )
    for worth in ('"0 USD"', '"-1 USD"', "3", '"1 EUR"', '"nan USD"'):
        text = changed("1 USD/gpu/hour", "2 gpu/CAD") + f"\n[money]\nrates = {{ CAD = {worth} }}\n"
        assert any("money.rates.CAD" in line for line in faults(put(text)))


# --- faults of single keys --------------------------------------------------------------------------------------------

LIMIT = 'fleet_power = "100 MW"'


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (LIMIT, "fleet_power = 100", "91 limits.fleet_power: 100 has no unit"),
        (LIMIT, 'fleet_power = "100 mW"', "did you mean `MW`?"),
        (LIMIT, 'fleet_power = "1 GW_IT"', "is IT power and this field wants facility power"),
        (LIMIT, 'fleet_power = "-3 GW"', "-3 GW is below 0"),
        (LIMIT, "fleet_power = nan", "nan has no unit"),
        (LIMIT, "fleet_power = []", "the series is empty"),
        (LIMIT, "fleet_power = {}", "a soft limit has two keys"),
        (LIMIT, 'fleet_power = { max = "3 GW" }', "a soft limit has two keys"),
        (LIMIT, 'fleet_power = { max = "3 GW", at = "2 USD/MW" }', "91 limits.fleet_power.at: `2 USD/MW` is not in USD/MW/year"),
        (LIMIT, 'fleet_power = [\n{ from = 2025-01-01, value = "3 GW" },\n{ from = 2026-01-01, value = "3" },\n]', "93 limits.fleet_power.1.value: `3` has no unit"),
        (LIMIT, 'fleet_power = [ { from = 2025-01-01, value = "3 GW" }, { from = 2025-01-01, value = "4 GW" } ]', "limits.fleet_power.1.from: the series has two values"),
        (LIMIT, 'fleet_power = [ { from = 2025-01-01, vlue = "3 GW" } ]', "limits.fleet_power.0: a point of the series is not readable"),
        (LIMIT, 'fleet_power = { interpolate = "linear", points = [ { at = 2025-01-01, value = "3 GW" } ] }', "a line needs two points"),
        (LIMIT, 'budget = { 2026 = "3 GW" }', "91 limits.budget.2026: `3 GW` is not in USD"),
        (LIMIT, "\n[limits.budget]\n2026 = 3", "93 limits.budget.2026: 3 has no unit"),
        (LIMIT, 'budget = { 26 = "3 USD" }', "a year of four digits"),
        (LIMIT, 'budget = "3 USD"', "a table is wanted, got `3 USD`"),
        (LIMIT, 'budget = { 2026 = [ "3 USD" ] }', "this limit is one value, not a series"),
        (LIMIT, 'national_share = { us = "3 %" }', "two capital letters"),
        (LIMIT, 'national_share = { US = "300 %" }', "300 % is above 1"),
        (LIMIT, 'national_share = { US = "3 GW" }', "not a plain number or a percentage"),
        (LIMIT, 'provider_share = [ { provider = "north" } ]', "limits.provider_share.0: a share limit without max or min"),
        (LIMIT, 'provider_share = [ { provider = "north", max = 0.6, from = 2026-01-01, to = 2025-01-01 } ]', "to 2025-01-01 is before from 2026-01-01"),
        (LIMIT, 'provider_share = { provider = "north" }', "a list is wanted, got a table"),
        (LIMIT, 'provider_share = [ "north" ]', "a table is wanted, got `north`"),
        (LIMIT, 'flet_power = "3 GW"', "91 limits.flet_power: unknown key `flet_power` | did you mean `fleet_power`"),
        ('kind = "training"\n', "", "workload.training.kind: `kind` is missing | add kind ="),
        ('kind = "training"\n', 'kind = "training"\ncountry = "US"\n', "unknown key `country` | did you mean `countries`?"),
        ('kind = "training"\n', 'kind = "training"\nproviders = []\n', "the list is empty"),
        ('kind = "training"\n', 'kind = "training"\nproviders = [ 3 ]\n', "a list of names is wanted"),
        ('kind = "training"\n', 'kind = "training"\nsites = [ "north-hall", "north-hall" ]\n', "a name stands twice"),
        ('kind = "training"\n', 'kind = "training"\ncritical = 2\n', "2 is above 1"),
        ('value = "40000 h100e"', 'value = "-40000 h100e"', "85 workload.training.demand.0.value: -40000 h100e is below 0"),
        ("from = 2025-01-01, value", 'from = "2025-1-1", value', "`2025-1-1` is not a day"),
        ("from = 2025-01-01, value", "from = 2025-01-01T00:00:00, value", "a day is wanted here, not a time"),
        ("end = 2027-12-31", "end = 2024-12-31", "24 horizon.end: end 2024-12-31 is before start 2025-01-01"),
        ("end = 2027-12-31", "end = 9999-12-31", "lies outside 1990 to 2200"),
        ("start = 2025-01-01\n", "", "22 horizon.start: `start` is missing | add start = 2026-01-01"),
        ('step = "year"', 'step = "week"', "`week` is not possible here | one of: 'month'"),
        ('[horizon]\nstart = 2025-01-01\nend = 2027-12-31\nstep = "year"', "", "`horizon` is missing | add [horizon]"),
        ("[[workload]]", "[[workloads]]", "unknown key `workloads` | did you mean `workload`?"),
        ("schema = 1", "", "`schema` is missing | add schema = 1"),
        ("profiles = []", 'profiles = "bundled"', "a list is wanted, got `bundled`"),
        ("profiles = []", "profiles = [ 3 ]", "text is wanted, got `3`"),
        ('[[provider]]\nid = "north"\n\n[[provider]]\nid = "south"', '[provider]\nid = "north"', "write [[provider]] with two brackets"),
        ('[[provider]]\nid = "north"', 'provider = [ 3 ]\n[[provider_]]', "unknown key `provider_`"),
        ('id = "north-hall"\n', "", "`id` is missing | add id ="),
        ('id = "north-hall"\n', "id = 3\n", "text is wanted, got `3`"),
        ('id = "south-hall"\n', 'id = "north-hall"\n', "`north-hall` stands twice"),
        ("pue = 2\n", "pue = [ 2 ]\n", "site.north-hall.pue: expected a number, got a list"),
        ("pue = 2\n", "pue = 1e400\n", "site.north-hall.pue: inf is not a number"),
        ("pue = 2\n", 'pue = 2\n"[key]" = 1\n', "unknown key `[key]`"),
        ("pue = 2\n", 'pue = 2\n"a (b)" = 1\n', "unknown key `a (b)`"),
        ('throughput_training = "1 h100e/gpu"', "throughput_training = 1\nthroughput_ = 2", "accelerator.chip.throughput_training: 1 has no unit"),
        ('throughput_training = "1 h100e/gpu"', "throughput = { training = 1 }", "there is no column `throughput`"),
        ('site = "north-hall"\n', "site = 3\n", "site_power.3.2025-01-01.site: text is wanted"),
        ("schema = 1", 'schema = 1\n"[key]" = 1', "unknown key `[key]`"),
        ("schema = 1", "schema = 1\nsolve = { whole_racks = 3 }", "true or false is wanted, got `3`"),
        ("schema = 1", "schema = 1\nexport_control = { enable = [ 3 ] }", "a table is wanted, got `3`"),
        ("schema = 1", "schema = 1\nmoney = { discount_rate = 0.08 }", '0.08 has no unit | write number and unit as text, e.g. "8 %/year"'),
        ("schema = 1", 'schema = 1\nmoney = { discount_rate = "8 %" }', "`8 %` is not in 1/year"),
        ("schema = 1", 'schema = 1\nresilience = {}', '`lose` is missing | add lose = "provider"'),
        ("schema = 1", 'schema = 1\nobjective = { minimize = "cost", maximize = "demand_scale" }', "keep one of the two"),
        ("schema = 1", "schema = 1\nlimit = {}", "unknown key `limit` | did you mean `limits`?"),
    ],
)  # fmt: skip
def test_faults_name_line_key_and_way_out(put: Any, old: str, new: str, says: str) -> None:
    found = faults(put(changed(old, new)))
    assert any(says in line for line in found), found


def test_all_findings_come_together(put: Any) -> None:
    text = changed("pue = 2\n", "pue = 0.5\n").replace(LIMIT, "fleet_power = 3").replace('step = "year"', 'step = "week"')
    found = faults(put(text, p__sites_csv=SITE + "x,north,US,grid,0,me,assumed\n").replace("a.toml", "a.toml"))
    assert [line.split(":")[0] for line in found] == ["25 horizon.step", "48 site.north-hall.pue", "91 limits.fleet_power"]


# --- fuzz -------------------------------------------------------------------------------------------------------------

RICH = (
    CLASSROOM
    + """
[[route]]
workload = "training"
site = "north-hall"
cost = "0.1 USD/h100e/hour"
[money]
discount_rate = "8 %/year"
rates = { CAD = "0.7 USD" }
[select]
providers = ["north", "south"]
[[contract]]
id = "deal"
provider = "north"
start = 2025-01-01
value = "1 million USD"
take_or_pay = "50 %"
[[fleet]]
site = "north-hall"
offer = "north-lease"
racks = "3 rack"
[[supply]]
accelerator = "chip"
from = 2025-01-01
rate = "9000 rack/quarter"
[[country]]
iso2 = "US"
groups = ["A:1"]
capacity = "1300 GW"
[[export_class]]
id = "any"
[[export_rule]]
id = "rule"
status = "in_force"
rank = 5
class = "any"
destination = "A:1-US"
effect = "cap"
amount = "35000 gpu"
effective_from = 2025-01-01
[[licence]]
id = "lic"
destination = "US"
quantity = "5 gpu"
[[range]]
table = "offers"
row = "*-lease"
column = "price"
low = "-20 %"
high = "+30 %"
likely = "0 %"
shape = "pert"
group = "rents"
[export_control]
tenant = "north"
enable = [ { id = "rule", from = 2026-01-01 } ]
[objective]
minimize = "cost"
"""
)
TOKENS = re.findall(r'"[^"\n]*"|[A-Za-z0-9_.-]+|\s+|[^\sA-Za-z0-9]', RICH)
JUNK = [
    "",
    "1",
    "-1",
    "nan",
    "inf",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1]",
    "2026-01-01",
    '"3 GW"',
    '"1e400 USD"',
    "=",
    "]",
    '"\\u0000"',
    "1e400",
    "id",
    '"-5 %"',
    "é",
]


def read_or_fault(path: str, *sets: str) -> None:
    try:
        check(assemble(read(path, sets)))
    except InputFault as error:
        assert error.findings
        assert all(f.where.file and f.what for f in error.findings), error.findings


def test_the_rich_scenario_is_clean(put: Any) -> None:
    assert set(re.findall(r"\[\[(\w+)\]\]", RICH)) >= {t.singular for t in TABLES.values() if t.name not in ENERGY}
    inputs(put(RICH))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TOKENS) - 1),
            st.sampled_from(["drop", "double", "junk", "swap"]),
            st.sampled_from(JUNK),
            st.integers(0, len(TOKENS) - 1),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_mutated_scenarios_end_in_inputs_or_findings(put: Any, changes: list[tuple[int, str, str, int]]) -> None:
    tokens = list(TOKENS)
    for at, how, junk, other in changes:
        tokens[at] = {"drop": "", "double": tokens[at] * 2, "junk": junk, "swap": tokens[other]}[how]
    read_or_fault(put("".join(tokens)))


KEYS = [
    "limits",
    "fleet_power",
    "site",
    "north-hall",
    "workload",
    "training",
    "demand",
    "0",
    "pue",
    "from",
    "x",
    "2026",
    "'a.b'",
    "supply",
    "chip",
    "rate",
    "select",
    "money",
    "rates",
    "CAD",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4), st.sampled_from(JUNK) | st.text(max_size=8))
def test_any_set_ends_in_inputs_or_findings(put: Any, keys: list[str], value: str) -> None:
    read_or_fault(put(RICH), ".".join(keys) + "=" + value)


TABLE = (SITE + 'x,north,US,grid,1.2,"me, myself",assumed\ny,south,NA,grid,1.3,me,reported; pue=assumed\n').encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TABLE)),
            st.integers(0, 3),
            st.binary(max_size=3) | st.sampled_from([b",", b'"', b"\n", b";", b"\xff", b"[MW]"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_mutated_tables_end_in_inputs_or_findings(put: Any, changes: list[tuple[int, int, bytes]]) -> None:
    path, data = put(changed("profiles = []", 'profiles = ["p"]'), p__sites_csv=""), TABLE
    for at, cut, new in changes:
        data = data[:at] + new + data[at + cut :]
    (Path(path).parent / "p" / "sites.csv").write_bytes(data)
    read_or_fault(path)


def test_tables_alone() -> None:
    rows, files = read_tables(bundled_collections().values())
    assert set(rows) == set(TABLES)
    assert len(files) == len(list(bundled("profiles").glob("*/*.csv")))
