"""Words: spaces of word vectors or similarities, and the way from a class label to its word."""

from advwindow.words.common import CommonWords, common
from advwindow.words.loaders import WORD_SPACES, load_words, word_refs
from advwindow.words.resolution import Resolution, ResolvedLabel
from advwindow.words.resolve import resolve
from advwindow.words.similarities import similarity_space
from advwindow.words.space import WordSpace
from advwindow.words.spellings import Step

__all__ = [
    "WORD_SPACES",
    "CommonWords",
    "Resolution",
    "ResolvedLabel",
    "Step",
    "WordSpace",
    "common",
    "load_words",
    "resolve",
    "similarity_space",
    "word_refs",
]
