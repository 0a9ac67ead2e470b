from __future__ import annotations

import polars as pl

from advwindow.reports.reading.collapse import collapse_points, conditions_of, whole_drift


def test_points_are_those_of_the_layers_tables(study):
    points = collapse_points(study)
    by_key = {("PGD L∞", a.spec.eps): a for a in study.attacks if (a.spec.attack, a.spec.norm) == ("pgd", "linf")}
    for (attack, eps), table in points.group_by("attack", "eps", maintain_order=True):
        if (attack, eps) in by_key:
            rows = by_key[attack, eps].rows()
            assert table["lost"].to_list() == rows["drift_beyond_noise"].to_list()
            assert (
                table.select("layer", "verdict", "hijacked").rows()
                == rows.select("layer", "verdict", "hijacked").rows()
            )
    assert points.height == len(study.attacks) * len(study.names)


def test_the_whole_drift_is_shown_only_where_noise_is_not_known(study):
    points = collapse_points(study)
    assert not whole_drift(points)
    assert whole_drift(points.with_columns(drift_beyond_noise=pl.lit(None, pl.Float64)))


def test_conditions_are_in_the_order_of_the_rows(study):
    points = collapse_points(study)
    assert conditions_of(points[::-1]) == conditions_of(points)[::-1]
