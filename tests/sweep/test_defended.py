"""Sweeps over defences: oblivious, adaptive, with gradients that are replaced or averaged."""

import polars as pl
import pytest
import torch
from torch import nn

from advwindow.comparison import compare_runs
from advwindow.errors import UserError
from advwindow.runs import RunDirectory
from advwindow.sweep import Library, Transport, certify_run, make_plan, make_sweep, run_sweep

CPU = torch.device("cpu")
PGD = {"name": "pgd", "eps": "32/255", "steps": 10, "access": ["oblivious", "adaptive"]}


class Replaced(nn.Module):
    """Two levels, and says what the backward pass is to use."""

    surrogate = "identity"

    def forward(self, images):
        return torch.round(images)


class Coarse(nn.Module):
    """Few levels, and no gradient to follow: it only looks strong, unless the gradient is replaced."""

    def forward(self, images):
        return torch.round(images * 3) / 3


def sweep(study, defenses, attack=PGD, **changes):
    return make_sweep({**study, "defenses": defenses, "attack": [attack], **changes})


def planned(study, defenses, attack=PGD):
    return [cell.spec for cell in make_plan(Library(CPU), sweep(study, defenses, attack))]


def test_models_without_a_defence_are_attacked_adaptively_only(study):
    specs = planned(study, ["", "bit-depth?bits=3"])
    assert [(spec.defense, spec.access) for spec in specs] == [
        ("", "adaptive"),
        ("bit-depth?bits=3", "oblivious"),
        ("bit-depth?bits=3", "adaptive"),
    ]
    assert len({spec.cell_id for spec in specs}) == 3
    assert len({spec.model_sha256 for spec in specs}) == 2


def test_draws_are_the_users_the_defences_or_one(study):
    random = "noise?sigma=0.05"
    assert [spec.draws for spec in planned(study, [random, "bit-depth"])] == [1, 20, 1, 1]
    assert [spec.draws for spec in planned(study, [random], {**PGD, "draws": 3})] == [1, 3]


def test_cost_counts_the_draws(study):
    cells = make_plan(Library(CPU), sweep(study, ["", "noise?sigma=0.001"], {**PGD, "draws": 3}))
    plain, oblivious, adaptive = (cell.gradients / cell.images for cell in cells)
    assert plain == oblivious
    assert adaptive == 3 * plain


def test_a_defence_that_cannot_be_is_refused_before_anything_runs(study):
    with pytest.raises(UserError, match="did you mean jpeg"):
        planned(study, ["jpg"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from . import parts

    folder = tmp_path_factory.mktemp("defended")
    study = {
        "models": ["py:tests.sweep.parts:make_model"],
        "images": [parts.write_images(folder / "images.npz")],
        "words": [parts.write_words(folder / "words.npz")],
        "window": {"permutations": 199},
    }
    defenses = ["", "bit-depth?bits=1", "gaussian-blur?sigma=1", "noise?sigma=0.02", "smoothing?sigma=0.05&copies=4"]
    return run_sweep(
        sweep(study, defenses, {**PGD, "draws": 2}), out=folder / "run", transport=Transport(audit="off")
    ).directory


def by(run, defense, access):
    (spec,) = [spec for spec in run.specs if (spec.defense, spec.access) == (defense, access)]
    return spec


def test_an_adaptive_attack_goes_through_the_defence_that_an_oblivious_one_runs_into(run):
    oblivious, adaptive = (
        run.summary(by(run, "bit-depth?bits=1", access))["robust_accuracy"] for access in ("oblivious", "adaptive")
    )
    assert adaptive <= oblivious - 0.1


def test_layers_bear_the_names_of_the_bare_network_and_every_cell_has_a_verdict_for_each(run):
    names = {tuple(run.table(spec, "layers").filter(pl.col("condition") == "attack")["layer"]) for spec in run.done()}
    assert len(names) == 1
    assert len(run.done()) == 9


@pytest.mark.parametrize(
    ("defense", "access", "told"),
    [
        ("bit-depth?bits=1", "adaptive", "are replaced (BPDA): identity"),
        ("bit-depth?bits=1", "oblivious", "without its defence"),
        ("noise?sigma=0.02", "adaptive", "means of 2 passes (EOT)"),
    ],
)
def test_the_cell_says_how_the_defence_was_attacked(run, defense, access, told):
    assert any(told in caveat for caveat in run.summary(by(run, defense, access))["caveats"])


def test_a_random_defence_gives_the_same_numbers_again(run, tmp_path):
    spec = by(run, "noise?sigma=0.02", "adaptive")
    content = {
        "models": [spec.model],
        "images": [spec.images],
        "words": list(spec.words),
        "window": {"permutations": 199},
    }
    attack = {**PGD, "access": "adaptive", "draws": 2}
    again = run_sweep(
        sweep(content, [spec.defense], attack), out=tmp_path / "run", transport=Transport(audit="off")
    ).directory
    (other,) = again.specs
    assert other == spec
    for table in ("samples", "layers"):
        one, two = (each.table(spec, table) for each in (run, again))
        assert one.equals(two)


def test_the_comparison_reads_such_a_run(run):
    comparison = compare_runs([RunDirectory(run.path)])
    robust = dict(comparison.matrix.select("defense", "robust").iter_rows())
    assert set(robust) == {
        "",
        "bit-depth?bits=1",
        "gaussian-blur?sigma=1",
        "noise?sigma=0.02",
        "smoothing?sigma=0.05&copies=4",
    }
    worst = comparison.matrix.with_columns(least=pl.min_horizontal("oblivious", "adaptive"))
    assert (worst["robust"] <= worst["least"]).all()


def test_a_defence_that_only_looks_strong_is_called_out_in_words(run):
    (sentence,) = [each for each in compare_runs([run]).callouts if "gaussian-blur" in each]
    assert "only looks strong" in sentence


def test_smoothed_models_are_certified_once(run):
    library = Library(CPU)
    ((key, found),) = certify_run(run, library, copies=200).items()
    assert key[0].endswith("smoothing?sigma=0.05&copies=4")
    assert found["n"] == 200
    assert len(found["radii"]) == found["images"]
    shares = list(found["accuracy"].values())
    assert shares == sorted(shares, reverse=True)
    (file,) = (run.path / "certificates").rglob("*.json")
    before = file.stat().st_mtime_ns
    assert certify_run(run, library, copies=200)[key] == found
    assert file.stat().st_mtime_ns == before


def test_a_surrogate_that_the_users_own_defence_declares_is_put_in(study, tmp_path, run):
    ref = "py:tests.sweep.test_defended:Replaced"
    found = run_sweep(sweep(study, [ref]), out=tmp_path / "run", transport=Transport(audit="off")).directory
    ours, theirs = run.summary(by(run, "bit-depth?bits=1", "adaptive")), found.summary(by(found, ref, "adaptive"))
    assert theirs["robust_accuracy"] == ours["robust_accuracy"] < 1
    assert theirs["zero_gradients"] == ours["zero_gradients"]


def test_a_defence_that_says_it_is_random_is_taken_at_its_word(study):
    (spec,) = planned(study, ["py:tests.sweep.test_defended:seldom"], {**PGD, "access": "adaptive"})
    assert spec.draws == 7


def test_the_audit_warns_of_a_defence_that_says_it_is_random(study, tmp_path):
    directory = run_sweep(sweep(study, ["noise?sigma=1"]), out=tmp_path / "run", transport=Transport()).directory
    (found,) = [run for run in map(directory.audit, directory.done()) if run is not None]
    (s10,) = [each for each in found["findings"] if each["code"] == "S10"]
    assert s10["verdict"] == "warn"
    assert s10["numbers"]["changed"] > 0
    assert "declared random" in s10["summary"]


def seldom():
    """A defence that hardly ever draws."""
    defense = nn.Identity()
    defense.random, defense.draws = True, 7
    return defense


def test_the_users_own_defence_and_its_missing_gradient(study, tmp_path):
    ref = "py:tests.sweep.test_defended:Coarse"
    directory = run_sweep(
        sweep(study, [ref], {**PGD, "name": "pgd"}), out=tmp_path / "run", transport=Transport(audit="quick")
    ).directory
    adaptive = by(directory, ref, "adaptive")
    audit = directory.audit(adaptive)
    assert audit is not None
    fired = {each["code"] for each in audit["findings"] if each["verdict"] in {"warn", "fail"}}
    assert fired & {"I1", "S9", "S6"}
