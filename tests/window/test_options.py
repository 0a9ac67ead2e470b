import pytest

from advwindow.errors import UserError
from advwindow.window.options import Options


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": "spearmann"}, "unknown measure: got 'spearmann'. Fix: did you mean spearman"),
        ({"ties": "none"}, "unknown tie rule"),
        ({"permutations": 18}, "too few permutations for any significance: got 18"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Options(**settings)


@pytest.mark.parametrize(
    ("options", "concepts", "count"),
    [
        (Options(), 20, 1000),
        (Options(permutations=99), 20, 99),
        (Options(), 60, 1000),
        (Options(), 61, 0),
        (Options(two_vs_two_permutations=300), 500, 300),
        (Options(two_vs_two_permutations=0), 20, 0),
    ],
)
def test_permutations_of_the_two_vs_two_test(options, concepts, count):
    assert options.matching_permutations(concepts) == count
