"""How near attacks come to the best of all of them: AttackBench's optimality, in its exact form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def optimality(distances: Mapping[str, Tensor]) -> dict[str, float]:
    """Local optimality of each attack on one network, in [0, 1].

    1 where no other attack found a smaller perturbation for any sample, 0 for an attack that never succeeds. With
    ``d*`` the smallest distance of a sample, ``D`` the largest finite ``d*`` and ``A`` the mean of distances cut at
    ``D`` (the area under the curve of robust accuracy against distance), it is
    ``1 - (A - A*) / (mean(d* > 0) D - A*)``. Cina et al. 2024, AttackBench, arXiv 2404.19460, section 3; the published
    tables take the trapezoid rule over the distances found instead of the curve's exact area.

    Args:
        distances: by name of the attack, ``(N,)`` sizes of its perturbations in one norm: infinite where it failed, 0
            where the network is wrong about the clean image.

    Returns:
        By name of the attack; NaN where no attack changes anything: no sample was ever fooled, or all were wrong.

    Raises:
        UserError: no attack, lengths that differ, or a distance that is negative or NaN.

    Example:
        >>> optimality({"near": torch.tensor([1.0, 2.0]), "far": torch.tensor([1.5, torch.inf])})
        {'near': 1.0, 'far': 0.5}
    """
    if not distances or len({tuple(each.shape) for each in distances.values()}) > 1:
        raise UserError("optimality needs the same samples of at least one attack", got=", ".join(distances) or "none")
    table = torch.stack([each.detach().double().cpu() for each in distances.values()])
    if not bool((table >= 0).all()):
        raise UserError("a distance must not be negative or NaN", fix="write infinity where the attack failed")
    best = table.amin(0)
    finite = best[best.isfinite()]
    largest = finite.max() if len(finite) else torch.tensor(torch.nan, dtype=torch.float64)
    areas, least = table.clamp(max=largest).mean(1), best.clamp(max=largest).mean()
    room = (best > 0).double().mean() * largest - least
    return dict(zip(distances, (1 - (areas - least) / room).tolist(), strict=True))
