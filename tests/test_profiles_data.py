# ruff: noqa: E501 - a case of a table stays on one line
"""The bundled tables: every key, unit, source and figure that can be held against something else."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from planner.checks.scenario import FOREIGN_KEYS
from planner.core.calendar import capital_recovery, periods
from planner.data.export_control import ExportControl, Standing, in_class, tokens
from planner.inputs.assembly import Inputs, assemble
from planner.inputs.load import Document, bundled, bundled_collections, column_kinds, read, read_tables
from planner.inputs.tables import CONFIDENCE, TABLES

BUILDUP = bundled("profiles").parent / "docs" / "price_buildup.csv"
ROWS, _ = read_tables(bundled_collections().values())
# ISO 3166-1 alpha-2, officially assigned
ISO = {"AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW"}  # fmt: skip


def lines(name: str) -> list[dict[str, str]]:
    """Rows of a bundled CSV as text, units cut from the headers."""
    folders = [BUILDUP.parent] if name == "price_buildup" else [folder for folder, _ in bundled_collections().values()]
    found = []
    for path in (folder / f"{name}.csv" for folder in folders):
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                head, *rows = csv.reader(file)
            header = [re.sub(r"\s*\[.*", "", cell) for cell in head]
            found += [dict(zip(header, row, strict=True)) for row in rows]
    return found


def test_every_table_is_there_and_read_whole() -> None:
    found = {path.stem for path in bundled("profiles").glob("*/*.csv")}
    assert found == set(TABLES) and not list(bundled("profiles").glob("*.csv"))
    for name in TABLES:
        assert len(ROWS[name]) == len(lines(name)) > 0, name


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_row_has_a_source_and_a_known_confidence(name: str) -> None:
    columns = {*lines(name)[0]}
    for record in ROWS[name]:
        origin = record.origin
        assert len(origin.source) >= 10, origin.where
        general, *exceptions = (part.strip() for part in origin.confidence.split(";"))
        assert general in CONFIDENCE, origin.where
        for exception in exceptions:
            column, _, grade = exception.partition("=")
            assert column in columns, (origin.where, exception)
            assert grade in CONFIDENCE


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_quantity_has_its_unit(name: str) -> None:
    from planner.inputs.fields import Quantity

    kinds = column_kinds(TABLES[name].record)
    for record in ROWS[name]:
        for column, _, unit, where in record.origin.written:
            kind = kinds.get("throughput_*" if column.startswith("throughput_") else column)
            assert bool(unit) == isinstance(kind, Quantity), (where, column)


def test_every_foreign_key_names_a_row() -> None:
    for table, column, target, key in FOREIGN_KEYS:
        known = {getattr(row, key) for row in ROWS[target]}
        for row in ROWS[table]:
            value = getattr(row, column)
            for part in value if isinstance(value, tuple) else [value]:
                assert part is None or part in known, (row.where, column, part)


def test_offers_stand_at_sites_of_their_provider_and_contract() -> None:
    sites = {row.id: row for row in ROWS["sites"]}  # type: ignore[attr-defined]
    contracts = {row.id: row for row in ROWS["contracts"]}  # type: ignore[attr-defined]
    for row in lines("offers"):
        assert not row["site"] or sites[row["site"]].provider == row["provider"], row["id"]  # type: ignore[attr-defined]
        assert not row["contract"] or contracts[row["contract"]].provider == row["provider"], row["id"]  # type: ignore[attr-defined]
    for row in lines("fleet"):
        offer = next(o for o in lines("offers") if o["id"] == row["offer"])
        assert sites[row["site"]].provider == offer["provider"], row  # type: ignore[attr-defined]


def test_countries_are_iso_codes() -> None:
    for name, column in (
        ("countries", "iso2"),
        ("sites", "country"),
        ("grids", "country"),
        ("offers", "country"),
        ("providers", "headquarters"),
    ):
        for row in lines(name):
            assert not row[column] or row[column] in ISO, (name, row)
    known = {row["iso2"] for row in lines("countries")}
    assert {row["country"] for row in lines("sites")} <= known


def test_destinations_name_groups_or_countries() -> None:
    groups = {group for row in lines("countries") for group in row["groups"].split(";")}
    for name in ("export_rules", "licences"):
        for row in lines(name):
            for _, token in tokens(row["destination"]):
                assert token in groups or token in ISO, (row["id"], token)


def test_site_power_ascends_in_date() -> None:
    last: dict[str, date] = {}
    for row in lines("site_power"):
        day = date.fromisoformat(row["from"])
        assert row["site"] not in last or day > last[row["site"]], row
        last[row["site"]] = day


def test_sites_with_reserved_power_are_open_or_say_who_uses_them() -> None:
    for row in lines("sites"):
        assert 1 <= float(row["pue"]) < 2
        assert not row["pue_energy"] or 1 <= float(row["pue_energy"]) <= float(row["pue"]), row["id"]
        assert float(row["available"] or 1) in (0, 1) or 0 < float(row["available"]) < 1


# --- prices -----------------------------------------------------------------------------------------------------------


def built(row: dict[str, str], end: str) -> float:
    """The price per gpu-hour of docs/prices.md, at `_low`, central or `_high` inputs."""

    def number(name: str) -> float:
        return float(row[name + end] if name + end in row else row[name])

    capex = number("capex") * (1 + number("network_share")) / number("chips_per_rack")
    capital = capex * capital_recovery(number("rate"), number("lifetime")) / 8766
    shell = number("shell") * number("kw_it_per_gpu") / 730.5
    operations = number("operations") * capex / 8766
    if row["energy"] == "metered":
        return shell + operations
    energy = number("kw_it_per_gpu") * number("pue_energy") * number("average_load") * number("energy_price") / 1000
    return (capital + shell + energy + operations) * (1 + number("margin"))


def test_the_annuity_is_that_of_the_page() -> None:
    assert capital_recovery(0.08, 5) == pytest.approx(math.log(1.08) / (1 - 1.08**-5))


def band(note: str) -> tuple[float, float]:
    """The ends of a price that its note carries."""
    match = re.search(r"low (\d+(?:\.\d+)?), high (\d+(?:\.\d+)?)", note)
    assert match, note
    return float(match[1]), float(match[2])


def test_every_estimated_reserved_price_follows_the_build_up() -> None:
    sheet = {row["offer"]: row for row in lines("price_buildup")}
    reserved = [row for row in lines("offers") if row["billing"] == "reserved" and row["confidence"].startswith("estimated")]
    assert len(reserved) > 30
    for row in reserved:
        inputs = sheet[row["id"]]
        assert inputs["accelerator"] == row["accelerator"]
        assert float(row["price"]) == pytest.approx(built(inputs, ""), abs=6e-5), row["id"]
        low, high = band(row["note"])
        assert (low, high) == (pytest.approx(built(inputs, "_low"), abs=6e-5), pytest.approx(built(inputs, "_high"), abs=6e-5)), (
            row["id"]
        )
        assert low < float(row["price"]) < high


def test_the_sheet_agrees_with_the_accelerators() -> None:
    racks = {row["id"]: row for row in lines("accelerators")}
    for row in lines("price_buildup"):
        rack = racks[row["accelerator"]]
        assert float(row["chips_per_rack"]) == float(rack["chips_per_rack"]), row["offer"]
        assert float(row["kw_it_per_gpu"]) == pytest.approx(
            float(rack["rack_power"]) / float(rack["chips_per_rack"]), rel=1e-4
        ), row["offer"]


def test_estimated_offers_carry_low_and_high() -> None:
    for row in lines("offers"):
        if row["confidence"].startswith("estimated"):
            low, high = band(row["note"])
            assert low <= float(row["price"]) <= high, row["id"]


# --- physics and export -----------------------------------------------------------------------------------------------


def test_a_gb200_draws_what_deployments_show() -> None:
    (rack,) = [row for row in lines("accelerators") if row["id"] == "gb200_nvl72"]
    assert float(rack["rack_power"]) / float(rack["chips_per_rack"]) * 1.40 == pytest.approx(2.93, rel=0.01)


@pytest.fixture(scope="module")
def document() -> Document:
    return read("openai-base")


@pytest.fixture(scope="module")
def inputs(document: Document) -> Iterator[Inputs]:
    yield assemble(document)


def test_chips_belong_to_their_export_classes(inputs: Inputs) -> None:
    classes = inputs.export_classes
    for name in ("hgx_h100_8", "gb200_nvl72", "gb300_nvl72", "vr200_nvl72"):
        assert in_class(inputs.accelerators[name][0], classes["3a090a"]), name
        assert in_class(inputs.accelerators[name][0], classes["any"])
    assert in_class(inputs.accelerators["gb300_nvl72"][0], classes["china-above-lane"])
    assert not in_class(inputs.accelerators["gb300_nvl72"][0], classes["china-lane"])
    assert in_class(inputs.accelerators["hgx_h200_8"][0], classes["h200"])
    assert not in_class(inputs.accelerators["hgx_h100_8"][0], classes["blackwell"])
    for rule in ROWS["export_rules"]:
        assert rule.class_ in classes  # type: ignore[attr-defined]


def standing(inputs: Inputs, country: str, day: date, tenant: str | None = "openai", provider: str = "stargate") -> Standing:
    """What export control says of a GB300 in a country on a day."""
    from dataclasses import replace

    control = inputs.scenario.export_control.model_copy(update={"tenant": tenant})
    scenario = inputs.scenario.model_copy(update={"export_control": control})
    site = next(iter(inputs.sites.values())).model_copy(
        update={"id": "x", "country": country, "provider": provider, "operator": None}
    )
    world = replace(inputs, scenario=scenario, sites={"x": site}, horizon=periods(day, day, "month"))
    return ExportControl(world).standing(site, "gb300_nvl72")[0]


@pytest.mark.parametrize("country", ["US", "NO", "PT", "GB", "IN", "KR", "BR"])
def test_open_countries(inputs: Inputs, country: str) -> None:
    assert standing(inputs, country, date(2026, 11, 22)) == Standing.FREE


@pytest.mark.parametrize("country", ["SA", "VN"])
def test_licence_countries(inputs: Inputs, country: str) -> None:
    assert standing(inputs, country, date(2026, 11, 22)) == Standing.LICENCE


@pytest.mark.parametrize("country", ["CN", "RU", "IR"])
def test_prohibited_countries(inputs: Inputs, country: str) -> None:
    assert standing(inputs, country, date(2026, 11, 22)) == Standing.BLOCKED


def test_the_emirates_open_on_a_day(inputs: Inputs) -> None:
    assert standing(inputs, "AE", date(2026, 7, 9)) == Standing.LICENCE
    assert standing(inputs, "AE", date(2026, 7, 10)) == Standing.FREE
    assert standing(inputs, "AE", date(2026, 7, 10), tenant=None) == Standing.LICENCE  # the permit is one by name


def test_the_reference_stands_alone_and_is_nobodys_case() -> None:
    """It names no row of another collection, and nothing in it is owned, owed or promised."""
    rows, _ = read_tables([bundled_collections()["reference"]])
    for table, column, target, key in FOREIGN_KEYS:
        known = {getattr(row, key) for row in rows[target]}
        for row in rows[table]:
            value = getattr(row, column)
            parts = value if isinstance(value, tuple) else [value]
            assert all(part is None or part in known for part in parts), (row.where, column)
    for name in ("site_power", "contracts", "fleet", "supply", "licences"):
        assert not rows[name], name
    assert all(row.billing == "on_demand" for row in rows["offers"])  # type: ignore[attr-defined]
    assert all(row.grid for row in rows["power_sources"])  # type: ignore[attr-defined]


def test_no_row_stands_in_two_collections() -> None:
    for name, table in TABLES.items():
        if not table.grouped:
            keys = [tuple(str(getattr(row, {"from": "from_", "set": "set_"}.get(k, k))) for k in table.key) for row in ROWS[name]]
            assert len(keys) == len(set(keys)) == sum(len(read_tables([c])[0][name]) for c in bundled_collections().values()), (
                name
            )


def test_bundled_folders_are_those_of_the_checkout() -> None:
    assert bundled("profiles") == Path(__file__).resolve().parent.parent / "profiles"
