"""Worlds: data sources whose true distribution is known, so that a loss has a known floor.

A world has three members:

- ``sample(n, rng)`` draws data with a NumPy ``Generator``;
- ``posterior(x)`` is the exact p(y | x), the best prediction there is;
- ``floor`` is H(Y | X) in nats, the cross-entropy of that best prediction.
"""

from xentlib.worlds.clicks import ClickLog
from xentlib.worlds.documents import BagOfWords, Reviews
from xentlib.worlds.glyphs import NoisyGlyphs
from xentlib.worlds.language import Brackets
from xentlib.worlds.mixtures import RealOrFake
from xentlib.worlds.points import GaussianClasses, LogisticWorld
from xentlib.worlds.regression import ForkedPath
from xentlib.worlds.restoration import DamagedPictures
from xentlib.worlds.scenes import Scenes
from xentlib.worlds.sequences import HiddenMarkov
from xentlib.worlds.speech import WhistledSpeech
from xentlib.worlds.tables import JointTable
from xentlib.worlds.text import MarkovSource
from xentlib.worlds.translation import ToyTranslation

__all__ = [
    "BagOfWords",
    "Brackets",
    "ClickLog",
    "DamagedPictures",
    "ForkedPath",
    "GaussianClasses",
    "HiddenMarkov",
    "JointTable",
    "LogisticWorld",
    "MarkovSource",
    "NoisyGlyphs",
    "RealOrFake",
    "Reviews",
    "Scenes",
    "ToyTranslation",
    "WhistledSpeech",
]
