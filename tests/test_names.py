import pytest

from btsr_core.config import experiment
from btsr_core.names import system_name
from btsr_core.settings import OBJECTIVES, REGULARISERS


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "BT-SR"),
        ({"regulariser": "none"}, "SASRec-CE"),
        ({"alpha": 0.0, "view": "crop"}, "SASRec-CE"),
        ({"objective": "gbce", "regulariser": "none"}, "SASRec-gBCE"),
        ({"objective": "bce"}, "BT-SR (BCE)"),
        ({"view": "dropout"}, "BT-SR (dropout view)"),
        ({"objective": "sce", "view": "mask"}, "BT-SR (SCE, mask view)"),
        ({"regulariser": "vicreg"}, "SASRec-CE + VICReg"),
        ({"regulariser": "vicreg", "objective": "bce"}, "SASRec-BCE + VICReg"),
        ({"regulariser": "vicreg", "view": "crop"}, "SASRec-CE + VICReg (crop view)"),
        ({"regulariser": "cl4srec"}, "CL4SRec"),
        ({"regulariser": "duorec", "objective": "bce"}, "DuoRec (BCE)"),
        ({"lam": 0.5, "alpha": 0.7, "scaling": "sum"}, "BT-SR"),
    ],
)
def test_systems_are_named_after_what_they_are(settings, name):
    assert system_name(experiment(**settings).loss) == name


def test_every_pair_has_a_name_of_its_own():
    names = {
        system_name(experiment(objective=objective, regulariser=regulariser).loss)
        for objective in OBJECTIVES
        for regulariser in REGULARISERS
    }
    assert len(names) == len(OBJECTIVES) * len(REGULARISERS)
