"""Networks have exactly the parameters of the published files: names, order, shapes and types."""

import pytest
import torch
from golden_networks import TABLES, table

from lead.models.transfuser.architecture import VARIANTS
from lead.models.transfuser.network import Transfuser


@pytest.mark.skipif(not TABLES.exists(), reason="tables of the published files (../shared) are not on this machine")
@pytest.mark.parametrize("variant", VARIANTS)
def test_names_order_shapes_and_types_are_the_published_ones(variant):
    with torch.device("meta"):
        state = Transfuser(VARIANTS[variant]).state_dict()
    own = [(name, tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in state.items()]
    assert own == table(variant)


def test_variants_have_the_published_numbers_of_parameters():
    counts = {}
    for name in ("regnety032", "resnet34", "4cameras_resnet34", "noradar_resnet34", "navsim_ltfv6"):
        with torch.device("meta"):
            counts[name] = sum(parameter.numel() for parameter in Transfuser(VARIANTS[name]).parameters())
    assert counts == {
        "regnety032": 126_227_737,
        "resnet34": 68_878_997,
        "4cameras_resnet34": 69_017_237,
        "noradar_resnet34": 63_628_689,
        "navsim_ltfv6": 62_146_518,
    }
