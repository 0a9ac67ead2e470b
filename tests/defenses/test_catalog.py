import copy
import importlib.metadata

import pytest
import torch
from torch import nn

from advwindow.defenses import DEFENSES, DefenseTraits, defend, defense_refs, single_pass, traits
from advwindow.defenses.filters import GaussianBlur
from advwindow.defenses.quantise import BitDepth
from advwindow.defenses.randomised import Noise
from advwindow.errors import UserError
from advwindow.models import Classifier, prepare, trace_layers
from tests.defenses.parts import images, small_net

TRANSFORMS = [
    "bit-depth", "jpeg", "median", "median?size=5", "gaussian-blur", "tv?steps=5", "resize-pad", "noise",
    "jpeg + noise",
]  # fmt: skip
EVERY = [*TRANSFORMS, "smoothing?copies=4", "logit-average?with=py:tests.defenses.parts:small_net?seed=1"]
DETERMINISTIC = [ref for ref in EVERY if not ref.startswith(("resize", "noise", "smooth")) and "noise" not in ref]

CODE = """
import torch

class Darker(torch.nn.Module):
    surrogate = "its own idea"
    def __init__(self, share=0.5):
        super().__init__()
        self.register_buffer("share", torch.tensor(share))
    def forward(self, images):
        return images * self.share

def number():
    return 3

def network():
    from tests.defenses.parts import small_net
    return small_net()
"""


@pytest.fixture(params=["file", "py", "plug-in"])
def prefix(request, tmp_path, monkeypatch):
    path = tmp_path / "defenses_of_mine.py"
    path.write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    if request.param == "plug-in":
        points = [
            importlib.metadata.EntryPoint(f"my-{name}", f"defenses_of_mine:{name}", "advwindow.defenses")
            for name in ("Darker", "number", "network")
        ]
        found = importlib.metadata.entry_points
        monkeypatch.setattr(
            importlib.metadata,
            "entry_points",
            lambda *, group: points if group == "advwindow.defenses" else found(group=group),
        )
        return "my-"
    return f"file:{path}:" if request.param == "file" else "py:defenses_of_mine:"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 9, 14), (3, 1, 3)])
@pytest.mark.parametrize("ref", TRANSFORMS)
def test_images_stay_images_and_the_input_as_it_is(ref, channels, height, width, dtype):
    transform = defend(small_net(channels=channels), ref).defense
    shown = images(channels=channels, height=height, width=width, dtype=dtype)
    shown[0], shown[1, :, 0] = 1.0, 0.0
    before = shown.clone()
    for differentiated in (False, True):
        given = shown.clone().requires_grad_(differentiated)
        found = transform(given)
        assert (found.shape, found.dtype, found.requires_grad) == (shown.shape, dtype, differentiated)
        assert float(found.detach().min()) >= 0
        assert float(found.detach().max()) <= 1
        assert torch.equal(given.detach(), before)
    found.square().sum().backward()
    assert bool(given.grad.isfinite().all())
    assert bool((given.grad != 0).any())
    assert len(transform(shown[:0])) == 0


@pytest.mark.parametrize("ref", DETERMINISTIC)
def test_no_image_minds_its_company(ref):
    defended, shown = defend(small_net(), ref), images(count=5)
    torch.testing.assert_close(defended(shown)[2:3], defended(shown[2:3]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ref", EVERY)
def test_what_is_declared_random_is_random_and_nothing_else(ref):
    defended, shown = defend(small_net(), ref), images()
    assert traits(defended).random == (not torch.equal(defended(shown), defended(shown)))
    assert (traits(defended).draws > 1) == (traits(defended).random and "smoothing" not in ref)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("median", DefenseTraits()),
        ("jpeg", DefenseTraits(random=False, surrogate="identity", draws=1)),
        ("median + jpeg + resize-pad", DefenseTraits(random=True, surrogate="identity", draws=30)),
        ("smoothing + jpeg", DefenseTraits(random=True, surrogate="identity", draws=1)),
        ("jpeg + smoothing + noise", DefenseTraits(random=True, surrogate="identity", draws=20)),
    ],
)
def test_traits_are_read_through_all_defences(ref, expected):
    assert traits(defend(small_net(), ref)) == expected


def test_traits_of_a_classifier_made_by_hand():
    transform = nn.Identity()
    transform.random, transform.draws = True, 7
    assert traits(small_net()) == DefenseTraits()
    assert traits(small_net(defense=transform)) == DefenseTraits(random=True, draws=7)


def test_defences_are_applied_from_left_to_right_and_new_ones_come_in_front():
    model, shown = small_net(), images()
    expected = model(BitDepth(bits=1)(GaussianBlur()(shown)))
    assert not torch.equal(expected, model(GaussianBlur()(BitDepth(bits=1)(shown))))
    both = defend(model, "gaussian-blur + bit-depth?bits=1")
    assert torch.equal(both(shown), expected)
    assert torch.equal(defend(defend(model, "bit-depth?bits=1"), "gaussian-blur")(shown), expected)
    assert both.name == "small + gaussian-blur + bit-depth?bits=1"


def test_noise_of_smoothing_comes_before_what_stands_behind_it():
    model, shown = small_net(), images()
    for ref, expected in (
        ("bit-depth?bits=1 + smoothing?copies=1", lambda noise: BitDepth(bits=1)(shown) + 0.25 * noise),
        ("smoothing?copies=1 + bit-depth?bits=1", lambda noise: BitDepth(bits=1)(shown + 0.25 * noise)),
    ):
        torch.manual_seed(0)
        found = defend(model, ref)(shown)
        torch.manual_seed(0)
        logits = model(expected(torch.randn(3, 1, *shown.shape[1:]).squeeze(1)))
        torch.testing.assert_close(found, logits.log_softmax(1))


@pytest.mark.parametrize("ref", EVERY)
def test_the_model_is_shared_and_left_alone(ref):
    model = small_net(label_names="abcd", input_size=(10, 7), crop=0.9)
    model.train()
    model.module[1].eval()
    modes = [part.training for part in model.modules()]
    defended = defend(model, ref)
    assert [part.training for part in model.modules()] == modes
    assert (model.name, model.defense) == ("small", None)
    assert defended.module is model.module
    assert (defended.label_names, defended.input_size, defended.crop) == (("a", "b", "c", "d"), (10, 7), 0.9)
    assert torch.equal(defended.mean, model.mean)
    assert torch.equal(defended.std, model.std)
    assert not defended.training


@pytest.mark.parametrize("ref", EVERY)
def test_a_copy_is_the_same(ref):
    defended, shown = defend(small_net(), ref), images()
    twin = copy.deepcopy(defended)
    for each in (twin, prepare(defended, shown)):
        torch.manual_seed(0)
        found = each(shown)
        torch.manual_seed(0)
        torch.testing.assert_close(found, defended(shown), atol=1e-4, rtol=1e-4)
    assert twin.sha256() == defended.sha256()


def test_hashes_tell_defences_and_their_parameters_apart():
    refs = ["", *EVERY, "jpeg?quality=74", "bit-depth?bits=3", "noise?clip=False", "noise + jpeg", "tv?steps=6",
            "tv?weight=0.2&steps=5", "gaussian-blur?sigma=2", "resize-pad?scale=0.8", "smoothing?copies=5",
            "smoothing?sigma=0.5&copies=4", "jpeg + smoothing?copies=4"]  # fmt: skip
    model = small_net()
    assert len({defend(model, ref).sha256() for ref in refs}) == len(refs)
    assert defend(model, "jpeg").sha256() == defend(small_net(), "jpeg?quality=75").sha256()


@pytest.mark.parametrize("ref", EVERY)
def test_layers_keep_their_names(ref):
    model, shown = small_net(), images()
    traced = trace_layers(single_pass(defend(model, ref)), shown)
    assert [layer[:3] for layer in map(_facts, traced)] == [
        layer[:3] for layer in map(_facts, trace_layers(model, shown))
    ]


def _facts(layer):
    return layer.name, layer.kind, layer.shape


def test_a_single_pass_of_smoothing_sees_one_noisy_copy():
    model, shown = small_net(), images()
    defended = defend(model, "jpeg + smoothing?sigma=0.3 + bit-depth")
    single = single_pass(defended)
    torch.manual_seed(0)
    found = single(shown)
    torch.manual_seed(0)
    jpeg, *_ = single.defense.links
    assert torch.equal(found, model(BitDepth()(Noise(sigma=0.3, clip=False)(jpeg(shown)))))
    assert single.name == defended.name


def test_a_classifier_of_another_kind_keeps_what_it_overrides():
    class Doubled(Classifier):
        def forward(self, given):
            return 2 * super().forward(given)

    model, shown = Doubled(small_net().module), images()
    assert torch.equal(defend(model, "bit-depth")(shown), model(BitDepth()(shown)))


def test_a_factory_of_the_users_own(prefix):
    model, shown = small_net(), images()
    defended = defend(model, f"{prefix}Darker?share=0.25 + bit-depth")
    assert torch.equal(defended(shown), model(BitDepth()(shown * 0.25)))
    assert traits(defended).surrogate == "its own idea; identity"
    assert defended.sha256() != defend(model, f"{prefix}Darker + bit-depth").sha256()


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("number", "gives no defense: got 'int'"),
        ("network", "gives no defense: got 'Classifier'"),
        ("Darker?shre=1", "unexpected keyword argument 'shre'"),
    ],
)
def test_factories_that_make_no_defence_are_told(prefix, rest, message):
    with pytest.raises(UserError, match=message):
        defend(small_net(), f"{prefix}{rest}")


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("jepg?quality=75", "unknown defense: got 'jepg.quality=75'. Fix: did you mean jpeg"),
        ("jpeg?qualty=75", "unknown option.*got 'qualty'. Fix: did you mean quality"),
        ("jpeg?quality=best", r"jpeg\?quality cannot be used: got 'best'; expected a whole number"),
        ("jpeg + ", "unknown defense: got ''"),
        ("jpeg + + noise", "unknown defense: got ''"),
        ("hub:thing", "unknown source in reference"),
        ("jpeg+noise", "unknown defense: got 'jpeg.noise'"),
    ],
)
def test_wrong_references_are_told(ref, message):
    with pytest.raises(UserError, match=message):
        defend(small_net(), ref)


def test_an_empty_reference_gives_the_model_back():
    model = small_net()
    assert defend(model, "") is model
    assert defend(model, " ") is model


def test_the_list_shows_every_defence_with_its_defaults(monkeypatch):
    point = importlib.metadata.EntryPoint("my-defense", "no_such_module:it", "advwindow.defenses")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [point])
    refs = [ref for ref, text in defense_refs() if text]
    assert len(refs) == len(set(refs))
    assert {ref.partition("?")[0] for ref in refs} >= {*DEFENSES.names()}
    for ref in refs:
        name, _, options = ref.partition("?")
        if options and "REF" not in options:
            assert defend(small_net(), ref).sha256() == defend(small_net(), name).sha256()
