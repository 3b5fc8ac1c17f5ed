"""Colors of the emotions remain distinguishable under color vision deficiency."""

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from callmood.types import EMOTIONS

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009).
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def palette(scheme):
    css = (files("callmood.report") / "static/page.css").read_text(encoding="utf-8")
    block = css.split("prefers-color-scheme: dark")[1] if scheme == "dark" else css
    return {emotion: re.search(rf"--{emotion}: (#\w+);", block)[1] for emotion in EMOTIONS}


def linear_rgb(color):
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Björn Ottosson, A perceptual color space for image processing (2020)."""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones += [[0.0883024619, 0.2817188376, 0.6299787005]]
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    to_lab += [[0.0259040371, 0.7827717662, -0.808675766]]
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_of_emotions_are_distinguishable(scheme, vision):
    perceived = {
        emotion: oklab(np.array(VISION[vision]) @ linear_rgb(color)) for emotion, color in palette(scheme).items()
    }
    for one, other in itertools.combinations(perceived, 2):
        assert np.linalg.norm(perceived[one] - perceived[other]) > 0.09, f"{one} resembles {other}: {vision}, {scheme}"
