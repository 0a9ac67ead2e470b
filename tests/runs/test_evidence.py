from advwindow.runs.evidence import kept_facts, kept_layers, layer_evidence
from advwindow.window import Evidence
from tests.reports.runs import ATTACKS, Shape, make_run


def test_one_layer_is_read_as_it_is_in_the_whole(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4]))
    spec = run.specs[0]
    whole = Evidence.from_arrays(*run.arrays(spec, "grams"))
    layer = list(whole.layers)[1]
    part = layer_evidence(run, spec, layer)
    assert list(part.layers) == [layer]
    wanted = {key: array for key, array in whole.arrays()[0].items() if f"/{layer}/" in key}
    found = part.arrays()[0]
    assert wanted
    for key, array in wanted.items():
        assert (found[key] == array).all()


def test_an_unknown_layer_gives_evidence_of_none(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:3]))
    assert not layer_evidence(run, run.specs[0], "nowhere").layers


def test_layers_of_all_cells_are_named_once(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4]))
    assert kept_layers(run, run.specs) == kept_facts(run, run.specs[0])["layers"]
